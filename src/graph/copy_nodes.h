// copy_nodes: the body of a region again, somewhere else in the same graph.
#pragma once
#include <unordered_map>

#include "graph/graph.h"

namespace tenon::graph {

/// From a value of the body to its copy.
using ValueMap = std::unordered_map<ValueId, ValueId>;

/// Copies the nodes of region `from`, nested regions included, into region `to` before node `before` (kNone: at the
/// end). `map` holds what the arguments of `from` become, and takes up the copies of all values; constants stay
/// themselves. Types come along. Returns the copies in order.
std::vector<NodeId> copy_nodes(Graph& g, RegionId from, RegionId to, NodeId before, ValueMap& map);

/// `v` when it can take the place of `pinned`, a result of its region, under that name; otherwise the output of a new
/// Identity(v) before node `before`: inputs, constants and values that are results already keep their own names.
/// Appends the new node to `made`.
ValueId own_result(Graph& g, ValueId v, ValueId pinned, NodeId before, const OpSet& ops, std::vector<NodeId>* made);

}  // namespace tenon::graph
