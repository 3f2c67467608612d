// Reshape(x, Shape → Gather → Concat ...) → Reshape(x, constant with 0 and -1): where inference has derived the target
// and its symbols are dims of x at the same place (0), but for at most one (-1).
// Level 1, exact: the target that a run would compute is the same.
#include <algorithm>

#include "passes/pass.h"
#include "passes/views.h"

namespace tenon::passes::fold_shape_chain {
namespace {

using graph::Graph;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

/// The target as a run-time constant; empty when symbols stand in the way.
std::vector<int64_t> constant_target(const Graph& g, ValueId x, std::vector<int64_t> target) {
  const Symbols& sym = g.symbols();
  const Dims& dims = g.type(x).dims;
  bool inferred = std::count(target.begin(), target.end(), -1) > 0;
  for (size_t i = 0; i < target.size(); ++i) {
    if (!is_symbol(target[i])) continue;
    if (sym.lower_bound(target[i]) < 0) return {};
    if (i < dims.size() && dims[i] == target[i]) {
      target[i] = 0;
    } else if (!inferred) {
      target[i] = -1;
      inferred = true;
    } else {
      return {};
    }
  }
  return target;
}

int64_t region(Graph& g, PassContext& c, RegionId r) {
  int64_t changes = 0;
  for (NodeId n : std::vector<NodeId>(g.region(r).nodes)) {
    for (RegionId body : std::vector<RegionId>(g.node(n).regions)) changes += region(g, c, body);
    if (!is_op(g, n, "Reshape") || g.node(n).operands().size() != 2) continue;
    const ValueId x = operand(g, n, 0), shape = operand(g, n, 1);
    const auto it = c.ints.find(shape);
    if (g.is_constant(shape) || it == c.ints.end() || !g.type(x).has_rank) continue;
    if (g.node(n).attrs.get_int("allowzero", 0) != 0) {
      c.skipped(g, n, "zeros of the target are sizes");
      continue;
    }
    const std::vector<int64_t> target = constant_target(g, x, it->second);
    if (target.size() != it->second.size()) {
      c.skipped(g, n, "more than one dim of the target is not known", shape);
      continue;
    }
    if (!c.take()) break;
    Value v = Value::tensor(DType::kInt64, Dims{static_cast<int64_t>(target.size())});
    std::copy(target.begin(), target.end(), v.as_mutable<int64_t>().begin());
    g.set_input(n, 1, g.add_constant(g.value(shape).name, std::move(v)));
    c.fired(g, n, 0);
    ++changes;
  }
  return changes;
}

int64_t apply(Graph& g, PassContext& c) { return region(g, c, 0); }

}  // namespace
extern const Transformation kTransformation;
const Transformation kTransformation{"fold_shape_chain", "ReshapeFusion", Level::kBasic, NumericClass::kExact, apply};
}  // namespace tenon::passes::fold_shape_chain
