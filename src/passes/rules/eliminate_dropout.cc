// Dropout(x) → x where it does not train and nobody reads the mask.
// Level 1, exact: outside training Dropout is the identity.
#include "passes/rule.h"

namespace tenon::passes::eliminate_dropout {
namespace {

constexpr const char* kRoots[] = {"Dropout"};

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  const ValueId mask = result(g, n, 1);
  if (mask != kNone && (!g.value(mask).uses.empty() || g.pinned(mask))) return skip("the mask is used", mask);
  if (!in_inference(g, n)) return skip("the node may train");
  patch.replace(result(g, n), operand(g, n, 0));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "eliminate_dropout", "EliminateDropout", Level::kBasic, NumericClass::kExact, kRoots, apply);
}  // namespace tenon::passes::eliminate_dropout
