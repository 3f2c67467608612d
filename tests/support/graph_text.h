// Graphs from text and their plain evaluation, for tests of rewrites and of everything that reads graphs.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "graph/op_def.h"

namespace tenon::test {

/// graph::parse + ops::infer_types + graph::verify. `ops` null: the built-in ops.
std::unique_ptr<graph::Graph> parse_graph(std::string_view text, const graph::OpSet* ops = nullptr);

/// Random values for the inputs of `g` (floats in [-2, 2), integers in [0, 4), bools): symbols become `symbol_size`,
/// the same for each.
std::vector<Value> random_feeds(const graph::Graph& g, uint32_t seed = 1, int64_t symbol_size = 3);

/// Runs a graph without regions node by node with run_op (without its extra checks); results in order.
std::vector<Value> evaluate(const graph::Graph& g, const std::vector<Value>& feeds);

/// Largest |a - b| over all elements; infinity when types or dims differ, or where one is NaN and the other is not.
double max_difference(const Value& a, const Value& b);

}  // namespace tenon::test
