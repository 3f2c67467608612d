// Transpose(Transpose(x)) → one Transpose, or x when they undo each other.
// Level 1, exact: elements only move.
#include <algorithm>

#include "passes/rule.h"

namespace tenon::passes::merge_transposes {
namespace {

constexpr const char* kRoots[] = {"Transpose"};

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  const NodeId first = producer_of(g, operand(g, n, 0), "Transpose");
  if (first == kNone) return kNoMatch;
  const auto inner = permutation(g, first), outer = permutation(g, n);
  if (!inner || !outer || inner->size() != outer->size()) return skip("a permutation is not known");
  std::vector<int64_t> both(outer->size());
  for (size_t i = 0; i < both.size(); ++i) both[i] = (*inner)[static_cast<size_t>((*outer)[i])];
  const ValueId x = operand(g, first, 0);
  if (std::is_sorted(both.begin(), both.end())) {
    patch.replace(result(g, n), x);
    return kPatched;
  }
  if (!single_use(g, operand(g, n, 0))) return skip("the inner transpose has other readers", operand(g, n, 0));
  patch.replace(result(g, n), patch.node("", "Transpose", {x}, Attrs{{"perm", both}}));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "merge_transposes", "TransposeOptimizer", Level::kBasic, NumericClass::kExact, kRoots, apply);
}  // namespace tenon::passes::merge_transposes
