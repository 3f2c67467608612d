// Removes nodes, captures and constants that no result depends on.
// Level 1, exact: nothing that is computed changes.
#include "passes/pass.h"

namespace tenon::passes::eliminate_dead {
namespace {

using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

bool unused(const Graph& g, NodeId n) {
  for (ValueId v : g.node(n).outputs)
    if (v != kNone && (!g.value(v).uses.empty() || g.pinned(v))) return false;
  return true;
}

int64_t sweep(Graph& g, PassContext& c, RegionId r) {
  int64_t changes = 0;
  const std::vector<NodeId> order = g.region(r).nodes;
  for (size_t i = order.size(); i-- > 0;) {  // users first: what only they read is dead too
    const NodeId n = order[i];
    if (!unused(g, n)) {
      for (RegionId body : std::vector<RegionId>(g.node(n).regions)) changes += sweep(g, c, body);
      const uint32_t captures = g.node(n).captures;
      if (captures > 0) g.drop_unused_captures(n);
      changes += captures - g.node(n).captures;
    } else if (c.take()) {
      c.fired(g, n, 1);
      g.erase_node(n);
      ++changes;
    }
  }
  return changes;
}

int64_t apply(Graph& g, PassContext& c) {
  int64_t changes = sweep(g, c, 0);
  for (ValueId v = 0; v < g.value_limit(); ++v) {
    if (!g.is_constant(v) || !g.value(v).uses.empty() || g.pinned(v)) continue;
    g.erase_constant(v);
    ++changes;
  }
  return changes;
}

}  // namespace
extern const Transformation kTransformation;
const Transformation kTransformation{"eliminate_dead", "", Level::kBasic, NumericClass::kExact, apply};
}  // namespace tenon::passes::eliminate_dead
