// (c A) B, A (c B), c (A B), and division by c, with scalar constants → com.microsoft FusedMatMul with alpha.
// Level 2, reassociating: the scale is applied once, to the sum. ORT's CPU runs the result.
#include "passes/rule.h"

namespace tenon::passes::fuse_matmul_scale {
namespace {

constexpr const char* kRoots[] = {"MatMul", "FusedMatMul", "Mul", "Div"};

bool is_matmul(const Graph& g, NodeId n) {
  return is_op(g, n, "MatMul") || is_op(g, n, "FusedMatMul", "com.microsoft");
}

/// v = x * scale with a scalar constant that keeps the shape, and nobody else reads v.
bool scaled(const Graph& g, NodeId n, double* scale, ValueId* x) {
  const bool mul = is_op(g, n, "Mul");
  if (!mul && !is_op(g, n, "Div")) return false;
  for (size_t side = 0; side < (mul ? 2u : 1u); ++side) {
    const auto c = const_scalar(g, operand(g, n, 1 - side));
    *x = operand(g, n, side);
    if (!c || !same_type(g, *x, result(g, n))) continue;
    *scale = mul ? *c : 1 / *c;
    return std::isfinite(*scale) && *scale != 0;
  }
  return false;
}

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  const OpDef* fused = patch.row("com.microsoft", "FusedMatMul");
  if (!port_takes(g, fused, 0, result(g, n))) return kNoMatch;
  NodeId matmul = n;
  double alpha = 1;
  std::vector<ValueId> inputs;
  double scale;
  ValueId x;
  if (is_matmul(g, n)) {
    inputs = {operand(g, n, 0), operand(g, n, 1)};
    bool found = false;
    for (ValueId& v : inputs) {
      // A constant operand is scaled by constant folding, once and for all.
      if (g.is_constant(v) || g.producer(v) == kNone || !scaled(g, g.producer(v), &scale, &x)) continue;
      if (!single_use(g, v)) return skip("the scaled operand has other readers", v);
      alpha *= scale;
      v = x;
      found = true;
    }
    if (!found) return kNoMatch;
  } else {
    if (!scaled(g, n, &scale, &x) || g.producer(x) == kNone || !is_matmul(g, g.producer(x))) return kNoMatch;
    if (!single_use(g, x)) return skip("the product has other readers", x);
    matmul = g.producer(x);
    alpha = scale;
    inputs = {operand(g, matmul, 0), operand(g, matmul, 1)};
  }
  Attrs attrs = g.node(matmul).attrs;
  attrs.set("alpha", static_cast<float>(alpha * attrs.get_float("alpha", 1)));
  patch.replace(result(g, n), patch.node("com.microsoft", "FusedMatMul", std::move(inputs), attrs));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "fuse_matmul_scale", "MatMulScaleFusion", Level::kExtended, NumericClass::kReassociating, kRoots,
           apply);
}  // namespace tenon::passes::fuse_matmul_scale
