// x + -0, x - 0, x * 1, x / 1, x ^ 1 → x, where the constant does not change shape or type.
// Level 1, exact: x + 0 is left alone for floats, because -0 + 0 is 0.
#include "passes/rule.h"

namespace tenon::passes::eliminate_noop {
namespace {

constexpr const char* kRoots[] = {"Add", "Sub", "Mul", "Div", "Pow"};

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  const std::string& op = g.node(n).op;
  const bool commutes = op == "Add" || op == "Mul";
  for (size_t neutral = 2; neutral-- > (commutes ? 0u : 1u);) {
    const ValueId x = operand(g, n, 1 - neutral), c = operand(g, n, neutral);
    const auto fill = const_fill(g, c);
    if (!fill || *fill != (op == "Add" || op == "Sub" ? 0 : 1)) continue;
    if (op == "Add" && is_float(g.type(c).elem) && !std::signbit(*fill)) return skip("-0 + 0 is 0", c);
    if (op == "Sub" && std::signbit(*fill)) return skip("-0 - -0 is 0", c);
    if (!same_type(g, x, result(g, n))) return skip("the constant changes the shape", c);
    patch.replace(result(g, n), x);
    return kPatched;
  }
  return kNoMatch;
}

}  // namespace
TENON_RULE(kRule, "eliminate_noop", "NoopElimination", Level::kBasic, NumericClass::kExact, kRoots, apply);
}  // namespace tenon::passes::eliminate_noop
