// Counts the operands that were packed against all uses of a constant.
#include "plan/weight_use.h"

#include <algorithm>

#include "base/value_data.h"

namespace tenon::plan {

std::shared_ptr<const void> WeightUse::packed(const Value& weight, std::string_view kind, size_t bytes,
                                              FunctionRef<void(void*)> fill) {
  auto out = store_.packed(weight, kind, bytes, fill);
  now_.push_back(ValueAccess::data(weight));
  return out;
}

void WeightUse::made(graph::NodeId n) {
  if (now_.empty()) return;
  for (graph::ValueId v : g_.node(n).inputs) {
    if (!g_.is_constant(v) || std::ranges::find(now_, ValueAccess::data(g_.constant(v))) == now_.end()) continue;
    ++packed_uses_[v];
    if (is_packed(v)) ValueAccess::give_back(g_.constant(v), handles_);
  }
  now_.clear();
}

bool WeightUse::is_packed(graph::ValueId v) const {
  const graph::ValueInfo& info = g_.value(v);
  const auto it = packed_uses_.find(v);
  return it != packed_uses_.end() && it->second == info.uses.size() && info.result_uses == 0;
}

}  // namespace tenon::plan
