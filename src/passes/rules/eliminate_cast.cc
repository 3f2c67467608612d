// Cast(x) to the type that x has → x.
// Level 1, exact.
#include "passes/rule.h"

namespace tenon::passes::eliminate_cast {
namespace {

constexpr const char* kRoots[] = {"Cast", "CastLike"};

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  const ValueType &from = g.type(operand(g, n, 0)), &to = g.type(result(g, n));
  if (!from.is_tensor() || from.elem != to.elem || from.elem == DType::kUndefined) return kNoMatch;
  patch.replace(result(g, n), operand(g, n, 0));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "eliminate_cast", "CastElimination", Level::kBasic, NumericClass::kExact, kRoots, apply);
}  // namespace tenon::passes::eliminate_cast
