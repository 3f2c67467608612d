// infer_types: runs every op's infer over a graph with symbolic dims.
#pragma once
#include <functional>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"

namespace tenon::ops {

/// Derived integer contents per value, for values where inference knows them (entries may be symbols).
using DerivedInts = std::unordered_map<graph::ValueId, std::vector<int64_t>>;

/// Infers types of all results in topological order, nested regions included, and merges them with the declared ones:
/// a declared dim fills an unknown one; element types that differ are an error; integer dims that differ keep the
/// inferred one (real models declare wrong dims; the caller warns once through `on_conflict`). Calls of model functions
/// keep declared types. Throws with node name, op, expected and found.
struct InferOptions {
  bool strict = false;  ///< dims that differ from the declared ones are errors
  std::function<void(const std::string&)> on_conflict;
  bool refine = false;  ///< types are there already and true: what is known stays known, dims keep their symbols
};
DerivedInts infer_types(graph::Graph& g, const InferOptions& options = {});
/// Same for one new or changed node.
void infer_node(graph::Graph& g, graph::NodeId n, DerivedInts& ints);

}  // namespace tenon::ops
