// Common subexpressions: nodes with the same op, attributes and operands become one; so do equal constants.
// Level 1, exact: deterministic ops give the same results twice.
#include <algorithm>
#include <unordered_map>

#include "passes/pass.h"

namespace tenon::passes::merge_duplicates {
namespace {

using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

constexpr size_t kMaxCompared = size_t{1} << 20;  // bytes of a constant: comparing large weights would read the file

/// Same computation. Outputs that one wants and the other does not make two nodes different.
bool same(const Graph& g, NodeId a, NodeId b) {
  const Node &x = g.node(a), &y = g.node(b);
  if (x.op != y.op || x.domain != y.domain || x.def != y.def || x.inputs != y.inputs || x.provider != y.provider)
    return false;
  if (x.outputs.size() != y.outputs.size() || !graph::same_attrs(x.attrs, y.attrs)) return false;
  for (size_t k = 0; k < x.outputs.size(); ++k)
    if ((x.outputs[k] == kNone) != (y.outputs[k] == kNone)) return false;
  return true;
}

/// Both are results of the graph: each keeps its name.
bool both_pinned(const Graph& g, NodeId a, NodeId b) {
  for (size_t k = 0; k < g.node(a).outputs.size(); ++k) {
    const ValueId x = g.node(a).outputs[k], y = g.node(b).outputs[k];
    if (x != kNone && g.pinned(x) && g.pinned(y)) return true;
  }
  return false;
}

uint64_t hash_node(const Node& n) {
  uint64_t h = std::hash<std::string>{}(n.op) ^ n.attrs.items().size();
  for (ValueId v : n.inputs) h = (h ^ v) * 0x9e3779b97f4a7c15u;
  return h;
}

int64_t merge_constants(Graph& g, PassContext& c) {
  std::unordered_multimap<uint64_t, ValueId> seen;
  int64_t changes = 0;
  for (ValueId v = 0; v < g.value_limit(); ++v) {
    if (!g.is_constant(v) || g.pinned(v) || g.constant(v).bytes() > kMaxCompared) continue;
    const uint64_t h = graph::hash_contents(g.constant(v));
    const auto [begin, end] = seen.equal_range(h);
    const auto twin = std::find_if(
        begin, end, [&](const auto& e) { return graph::same_contents(g.constant(e.second), g.constant(v)); });
    if (twin == end) {
      seen.emplace(h, v);
    } else if (c.take()) {
      g.replace_all(v, twin->second);
      g.erase_constant(v);
      ++changes;
    }
  }
  return changes;
}

int64_t merge_region(Graph& g, PassContext& c, RegionId r) {
  std::unordered_multimap<uint64_t, NodeId> seen;
  std::vector<NodeId> twins;
  const std::vector<NodeId> order = g.region(r).nodes;
  for (NodeId n : order) {
    const Node& node = g.node(n);
    if (!node.def || !node.def->deterministic || !node.regions.empty()) continue;
    const uint64_t h = hash_node(node);
    const auto [begin, end] = seen.equal_range(h);
    const auto twin = std::find_if(begin, end, [&](const auto& e) { return same(g, e.second, n); });
    if (twin == end) {
      seen.emplace(h, n);
      continue;
    }
    if (both_pinned(g, twin->second, n)) {
      c.skipped(g, n, "both are results of the graph");
      continue;
    }
    if (!c.take()) break;
    for (size_t k = 0; k < node.outputs.size(); ++k)
      if (node.outputs[k] != kNone) g.replace_all(node.outputs[k], g.node(twin->second).outputs[k]);
    std::vector<uint32_t>& names = g.edit(twin->second).provenance;
    for (uint32_t id : node.provenance)
      if (std::find(names.begin(), names.end(), id) == names.end()) names.push_back(id);
    c.fired(g, n, 1);
    twins.push_back(n);
  }
  g.erase_nodes(twins);
  auto changes = static_cast<int64_t>(twins.size());
  for (NodeId n : std::vector<NodeId>(g.region(r).nodes))
    for (RegionId body : std::vector<RegionId>(g.node(n).regions)) changes += merge_region(g, c, body);
  return changes;
}

int64_t apply(Graph& g, PassContext& c) { return merge_constants(g, c) + merge_region(g, c, 0); }

}  // namespace
extern const Transformation kTransformation;
const Transformation kTransformation{"merge_duplicates", "CommonSubexpressionElimination", Level::kBasic,
                                     NumericClass::kExact, apply};
}  // namespace tenon::passes::merge_duplicates
