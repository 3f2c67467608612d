// Recording of patches.
#include "passes/patch.h"

#include "base/error.h"

namespace tenon::passes {

graph::ValueId Patch::constant(std::string_view name_hint, Value data) {
  constants_.push_back({next_, std::string(name_hint), std::move(data)});
  return next_++;
}

const graph::OpDef* Patch::row(std::string_view domain, std::string_view op, int version) const {
  if (version == 0) {
    const auto it = graph_.info.opsets.find(std::string(domain));
    version = it == graph_.info.opsets.end() ? ops_.newest_version(domain) : it->second;
  }
  return ops_.find(domain, op, version);
}

graph::ValueId Patch::node(std::string_view domain, std::string_view op, std::vector<graph::ValueId> inputs,
                           graph::Attrs attrs, size_t num_outputs, int version) {
  const graph::OpDef* def = row(domain, op, version);
  if (!def) fail(ErrorCode::kInvalidGraph, "a rewrite wants {} {}, which has no row", domain, op);
  NewNode n{std::string(domain), std::string(op), def, std::move(inputs), std::move(attrs), {}};
  for (size_t k = 0; k < num_outputs; ++k) n.outputs.push_back(next_++);
  nodes_.push_back(std::move(n));
  return nodes_.back().outputs.front();
}

}  // namespace tenon::passes
