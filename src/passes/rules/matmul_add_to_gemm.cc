// MatMul(A, B) + C of matrices → Gemm(A, B, C), where C broadcasts to the product's shape.
// Level 1, reassociating: the sum may start from C.
#include "passes/rule.h"

namespace tenon::passes::matmul_add_to_gemm {
namespace {

constexpr const char* kRoots[] = {"Add"};

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  size_t side = 0;
  NodeId matmul = producer_of(g, operand(g, n, 0), "MatMul");
  if (matmul == kNone) matmul = producer_of(g, operand(g, n, side = 1), "MatMul");
  if (matmul == kNone) return kNoMatch;
  const ValueId y = operand(g, n, side), c = operand(g, n, 1 - side);
  const ValueId a = operand(g, matmul, 0), b = operand(g, matmul, 1);
  if (rank_of(g, a) != 2u || rank_of(g, b) != 2u) return kNoMatch;
  if (!single_use(g, y)) return skip("the product has other readers", y);
  const auto rank = rank_of(g, c);
  if (!rank || *rank > 2 || !same_type(g, y, result(g, n)))
    return skip("the sum has another shape than the product", c);
  const OpDef* gemm = patch.row("", "Gemm");
  if (!port_takes(g, gemm, 2, c)) return skip("Gemm does not take this type", c);
  patch.replace(result(g, n), patch.node("", "Gemm", {a, b, c}));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "matmul_add_to_gemm", "MatMulAddFusion", Level::kBasic, NumericClass::kReassociating, kRoots, apply);
}  // namespace tenon::passes::matmul_add_to_gemm
