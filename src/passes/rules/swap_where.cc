// Where(Not(c), a, b) → Where(c, b, a).
// Level 1, exact: elements are chosen, not computed.
#include "passes/rule.h"

namespace tenon::passes::swap_where {
namespace {

constexpr const char* kRoots[] = {"Where"};

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  const NodeId negation = producer_of(g, operand(g, n, 0), "Not");
  if (negation == kNone) return kNoMatch;
  std::vector<ValueId> inputs{operand(g, negation, 0), operand(g, n, 2), operand(g, n, 1)};
  patch.replace(result(g, n), patch.node("", "Where", std::move(inputs)));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "swap_where", "NotWhereFusion", Level::kBasic, NumericClass::kExact, kRoots, apply);
}  // namespace tenon::passes::swap_where
