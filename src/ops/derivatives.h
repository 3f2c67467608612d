// Derivatives of operators as nodes: what Gradient is made of.
#pragma once
#include <string_view>
#include <vector>

#include "ops/expand.h"

namespace tenon::ops {

/// One node y = f(x...) and dy, the derivative of the target by y. Operands are values of the graph.
struct Derivation {
  Expansion& e;
  const graph::Node& node;
  graph::ValueId y, dy;

  graph::ValueId x(size_t i) const { return node.inputs[i]; }
  DType type() const { return e.g.type(y).elem; }
};

/// Makes the nodes that compute the derivative of the target by each operand (kNone: it has none, or `wanted` says
/// that nobody asks). Throws kNotImplemented, naming the ops that can be derived, for any other.
std::vector<graph::ValueId> derive(const Derivation& d, const std::vector<bool>& wanted);

}  // namespace tenon::ops
