// extract: nodes of a graph as a graph of their own.
#pragma once
#include "graph/graph.h"

namespace tenon::graph {

/// The values that cross the border of a set of nodes of one region, each once, in order of first use: `inputs` are
/// read by the set and made outside (constants are not listed), `outputs` are made by it and read outside or results.
struct Border {
  std::vector<ValueId> inputs, outputs;
};
Border border(const Graph& g, std::span<const NodeId> nodes);

/// A graph whose nodes are copies of `nodes` (of one region, in topological order; nested regions come along), whose
/// inputs are `border.inputs` and whose results are `border.outputs`. Constants share their data. Dims that are symbols
/// become symbols of the new graph, equal ones equal. Functions that the nodes may call come along.
std::unique_ptr<Graph> extract(const Graph& g, std::span<const NodeId> nodes, const Border& border);

}  // namespace tenon::graph
