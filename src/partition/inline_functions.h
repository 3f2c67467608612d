// inline_functions: calls of model functions become the nodes of their bodies.
#pragma once
#include "graph/graph.h"

namespace tenon::partition {

/// Inlines every call that no provider has claimed (Node::def null, provider empty), and every node that its op expands
/// (OpDef::expand), one level deep; nested calls
/// become calls of the graph, to be offered to the providers again. Returns how many were inlined. Fails with limit
/// "function_nodes" when the graph would pass `max_nodes` nodes, before memory is spent.
size_t inline_functions(graph::Graph& g, size_t max_nodes = 1'000'000);

/// Expands the nodes whose attributes name values (OpDef::names_values), while the values still have their names.
void expand_by_name(graph::Graph& g);

}  // namespace tenon::partition
