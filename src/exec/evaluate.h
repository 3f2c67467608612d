// evaluate: runs one node on known inputs, outside any plan (constant folding, tests).
#pragma once
#include <vector>

#include "graph/graph.h"
#include "ops/kernel.h"

namespace tenon::exec {

/// Results of node `n` for these inputs (empty handle = missing optional input). Throws what infer and the kernel
/// throw; kNotImplemented for control flow and for ops without a kernel.
std::vector<Value> evaluate(const graph::Node& n, std::span<const Value> inputs, const Parallel& par = {});
/// Node of a graph whose operands are all constants; an empty list when one is not, or when the node cannot be
/// evaluated. Nothing is computed when the results would hold more than `max_bytes`.
std::vector<Value> fold(const graph::Graph& g, graph::NodeId n, size_t max_bytes);

}  // namespace tenon::exec
