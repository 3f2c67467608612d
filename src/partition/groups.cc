// A node's level counts how often a path to it changes between members (even levels) and others (odd ones). Members of
// one level form a group: a path that left it through another node arrives at a higher level. A member of level l + 2
// has an ancestor of level l behind a node that is no member, so groups of different levels can never be one.
#include "partition/groups.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace tenon::partition {

using graph::kNone;
using graph::NodeId;

namespace {

using Nodes = std::vector<NodeId>;

/// The nodes of a region, those of a formed group together, in an order in which every unit follows what it reads.
std::vector<Nodes> units_in_order(const graph::Graph& g, graph::RegionId r, const std::vector<Nodes>& formed) {
  std::vector<Nodes> units;
  if (formed.empty()) {
    for (NodeId n : g.region(r).nodes) units.push_back({n});
    return units;
  }
  std::unordered_map<NodeId, uint32_t> unit_of;
  std::unordered_map<NodeId, uint32_t> group_of;
  for (uint32_t k = 0; k < formed.size(); ++k)
    for (NodeId n : formed[k]) group_of[n] = k;
  std::vector<uint32_t> unit_of_group(formed.size(), UINT32_MAX);
  for (NodeId n : g.region(r).nodes) {
    const auto group = group_of.find(n);
    uint32_t unit = group == group_of.end() ? UINT32_MAX : unit_of_group[group->second];
    if (unit == UINT32_MAX) {
      unit = static_cast<uint32_t>(units.size());
      units.emplace_back();
      if (group != group_of.end()) unit_of_group[group->second] = unit;
    }
    units[unit].push_back(n);
    unit_of[n] = unit;
  }
  std::vector<std::vector<uint32_t>> readers(units.size());
  std::vector<uint32_t> waits(units.size());
  for (uint32_t u = 0; u < units.size(); ++u)
    for (NodeId n : units[u])
      for (graph::ValueId v : g.node(n).inputs) {
        if (v == kNone) continue;
        const auto made = unit_of.find(g.producer(v));
        if (made == unit_of.end() || made->second == u) continue;
        readers[made->second].push_back(u);
        ++waits[u];
      }
  std::vector<Nodes> out;
  std::vector<uint32_t> ready;
  for (uint32_t u = 0; u < units.size(); ++u)
    if (!waits[u]) ready.push_back(u);
  for (size_t k = 0; k < ready.size(); ++k) {
    for (uint32_t reader : readers[ready[k]])
      if (--waits[reader] == 0) ready.push_back(reader);
    out.push_back(std::move(units[ready[k]]));
  }
  return out;
}

}  // namespace

std::vector<Nodes> convex_groups(const graph::Graph& g, graph::RegionId r, const std::unordered_set<NodeId>& members,
                                 const std::vector<Nodes>& formed) {
  std::unordered_map<NodeId, int> level;
  std::map<int, Nodes> groups;
  for (const Nodes& unit : units_in_order(g, r, formed)) {
    const bool member = members.contains(unit[0]);
    int l = member ? 0 : -1;
    for (NodeId n : unit)
      for (graph::ValueId v : g.node(n).inputs) {
        if (v == kNone) continue;
        const auto made = level.find(g.producer(v));  // outer values, and those of the unit itself, have no entry
        if (made != level.end()) l = std::max(l, made->second + (members.contains(made->first) != member ? 1 : 0));
      }
    for (NodeId n : unit) level[n] = l;
    if (member) groups[l].push_back(unit[0]);
  }
  if (!formed.empty()) {  // their nodes came in another order
    std::unordered_map<NodeId, size_t> at;
    for (NodeId n : g.region(r).nodes) at.emplace(n, at.size());
    for (auto& [l, nodes] : groups) std::ranges::sort(nodes, [&](NodeId a, NodeId b) { return at[a] < at[b]; });
  }
  std::vector<Nodes> out;
  for (auto& [l, nodes] : groups) out.push_back(std::move(nodes));
  return out;
}

}  // namespace tenon::partition
