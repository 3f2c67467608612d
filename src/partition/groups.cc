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

std::vector<std::vector<NodeId>> convex_groups(const graph::Graph& g, graph::RegionId r,
                                               const std::unordered_set<NodeId>& members) {
  std::unordered_map<NodeId, int> level;
  std::map<int, std::vector<NodeId>> groups;
  for (NodeId n : g.region(r).nodes) {
    const bool member = members.contains(n);
    int l = member ? 0 : -1;
    for (graph::ValueId v : g.node(n).inputs) {
      if (v == kNone) continue;
      const auto made = level.find(g.producer(v));  // outer values have no entry
      if (made != level.end()) l = std::max(l, made->second + (members.contains(made->first) != member ? 1 : 0));
    }
    level[n] = l;
    if (member) groups[l].push_back(n);
  }
  std::vector<std::vector<NodeId>> out;
  for (auto& [l, nodes] : groups) out.push_back(std::move(nodes));
  return out;
}

}  // namespace tenon::partition
