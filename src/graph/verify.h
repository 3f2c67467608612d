// verify: the graph's invariants; run after every pass in test builds.
#pragma once
#include "graph/graph.h"

namespace tenon::graph {

/// Throws kInvalidGraph naming the first broken invariant: SSA (one definition, before every use, in scope), use lists,
/// operand counts against the op row, region arguments against captures, pinned results, known types that agree with
/// the op's type constraints, storage bytes of constants.
void verify(const Graph& g);

/// Operand counts and known types of one node against its op row: ports, type variables. Throws kInvalidGraph without
/// naming the node (the caller does). Does nothing for calls of model functions.
void verify_operands(const Graph& g, NodeId n, bool outputs_too);

}  // namespace tenon::graph
