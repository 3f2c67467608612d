// convex_groups: a set of nodes as the fewest regions that can each run as one operator.
#pragma once
#include <unordered_set>
#include <vector>

#include "graph/graph.h"

namespace tenon::partition {

/// Splits `members` (nodes of region r) into convex groups: no path leaves a group and comes back. Groups are maximal
/// (no two of them could be one) and as few as possible; contracting all of them leaves the region acyclic. Nodes keep
/// the region's order, which must be topological; linear time. `formed`: groups of other nodes of the region that will
/// be contracted as well; the region stays acyclic when all of them are.
std::vector<std::vector<graph::NodeId>> convex_groups(const graph::Graph& g, graph::RegionId r,
                                                      const std::unordered_set<graph::NodeId>& members,
                                                      const std::vector<std::vector<graph::NodeId>>& formed = {});

}  // namespace tenon::partition
