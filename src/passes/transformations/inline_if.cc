// If(constant) → the nodes of the branch that is taken.
// Level 1, exact: the other branch would never run.
#include "graph/copy_nodes.h"
#include "ops/op.h"
#include "passes/pass.h"
#include "passes/views.h"

namespace tenon::passes::inline_if {
namespace {

using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

/// The branch that is taken, or kNone.
RegionId taken(const Graph& g, NodeId n) {
  if (!is_op(g, n, "If")) return kNone;
  const auto condition = const_scalar(g, operand(g, n, 0));
  if (!condition) return kNone;
  const std::string_view wanted = *condition != 0 ? "then_branch" : "else_branch";
  for (size_t k = 0; k < g.node(n).regions.size(); ++k)
    if (g.node(n).region_names[k] == wanted) return g.node(n).regions[k];
  return kNone;
}

void inline_branch(Graph& g, PassContext& c, NodeId n, RegionId branch, const graph::OpSet& ops) {
  const Node node = g.node(n);
  const graph::Region body = g.region(branch);
  graph::ValueMap map;
  for (size_t i = 0; i < body.args.size(); ++i) map[body.args[i]] = node.captured()[i];
  std::vector<NodeId> copies = graph::copy_nodes(g, branch, node.region, n, map);
  for (size_t k = 0; k < node.outputs.size(); ++k) {
    const ValueId out = node.outputs[k];
    if (out == kNone) continue;
    const auto it = map.find(body.results[k]);
    const ValueId to = it == map.end() ? body.results[k] : it->second;
    g.replace_all(out, graph::own_result(g, to, out, n, ops, &copies));
  }
  c.fired(g, n, 1);
  std::vector<std::pair<ValueId, std::string>> names;
  for (const auto& [from, to] : map)
    if (from != to && g.value(to).role == graph::ValueRole::kResult && !g.pinned(to) &&
        g.value(from).role == graph::ValueRole::kResult)
      names.emplace_back(to, g.value(from).name);
  g.erase_node(n);
  for (const auto& [v, name] : names) g.rename(v, name);
  for (NodeId copy : copies) {
    if (g.node(copy).provenance.empty()) g.edit(copy).provenance = node.provenance;
    ops::infer_node(g, copy, c.ints);
  }
}

int64_t apply(Graph& g, PassContext& c) {
  const graph::OpSet& ops = c.options.ops ? *c.options.ops : ops::builtin_ops();
  int64_t changes = 0;
  std::vector<RegionId> open{0};
  for (size_t i = 0; i < open.size(); ++i) {
    const std::vector<NodeId> order = g.region(open[i]).nodes;
    for (NodeId n : order) {
      if (const RegionId branch = taken(g, n); branch != kNone && c.take()) {
        inline_branch(g, c, n, branch, ops);
        ++changes;
      }
    }
    for (NodeId n : g.region(open[i]).nodes)
      open.insert(open.end(), g.node(n).regions.begin(), g.node(n).regions.end());
  }
  return changes;
}

}  // namespace
extern const Transformation kTransformation;
const Transformation kTransformation{"inline_if", "", Level::kBasic, NumericClass::kExact, apply};
}  // namespace tenon::passes::inline_if
