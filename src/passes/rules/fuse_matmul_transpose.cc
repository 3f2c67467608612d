// MatMul(Transpose(A), B), MatMul(A, Transpose(B)), where the transpose swaps the last two dims → com.microsoft
// FusedMatMul with transA / transB.
// Level 2, exact up to the order of sums, which is that of MatMul. ORT's CPU runs the result.
#include "passes/rule.h"

namespace tenon::passes::fuse_matmul_transpose {
namespace {

constexpr const char* kRoots[] = {"MatMul", "FusedMatMul"};

bool swaps_last_two(const std::vector<int64_t>& perm) {
  const auto rank = static_cast<int64_t>(perm.size());
  for (int64_t i = 0; i < rank; ++i) {
    const int64_t wanted = i == rank - 2 ? rank - 1 : i == rank - 1 ? rank - 2 : i;
    if (perm[static_cast<size_t>(i)] != wanted) return false;
  }
  return rank >= 2;
}

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  const graph::Node& node = g.node(n);
  const bool plain = is_op(g, n, "MatMul");
  if (!plain && !is_op(g, n, "FusedMatMul", "com.microsoft")) return kNoMatch;
  if (node.attrs.get_int("transBatchA", 0) != 0 || node.attrs.get_int("transBatchB", 0) != 0) return kNoMatch;
  constexpr const char* kFlags[] = {"transA", "transB"};
  std::vector<ValueId> inputs{operand(g, n, 0), operand(g, n, 1)};
  Attrs attrs = node.attrs;
  Outcome why = kNoMatch;
  bool found = false;
  for (size_t side = 0; side < 2; ++side) {
    const NodeId t = producer_of(g, inputs[side], "Transpose");
    if (t == kNone) continue;
    // FusedMatMul ignores the flag of a vector.
    const auto perm = permutation(g, t);
    if (!perm || !swaps_last_two(*perm)) continue;
    if (!single_use(g, inputs[side])) {
      why = skip("the transpose has other readers", inputs[side]);
      continue;
    }
    attrs.set(kFlags[side], int64_t{attrs.get_int(kFlags[side], 0) == 0});
    inputs[side] = operand(g, t, 0);
    found = true;
  }
  if (!found) return why;
  const OpDef* fused = patch.row("com.microsoft", "FusedMatMul");
  if (!port_takes(g, fused, 0, inputs[0])) return fused ? skip("FusedMatMul does not take this type") : kNoMatch;
  patch.replace(result(g, n), patch.node("com.microsoft", "FusedMatMul", std::move(inputs), attrs));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "fuse_matmul_transpose", "MatmulTransposeFusion", Level::kExtended, NumericClass::kReassociating,
           kRoots, apply);
}  // namespace tenon::passes::fuse_matmul_transpose
