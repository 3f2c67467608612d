// Identity(x) → x.
// Level 1, exact: nothing is computed.
#include "passes/rule.h"

namespace tenon::passes::eliminate_identity {
namespace {

constexpr const char* kRoots[] = {"Identity"};

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  patch.replace(result(g, n), operand(g, n, 0));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "eliminate_identity", "EliminateIdentity", Level::kBasic, NumericClass::kExact, kRoots, apply);
}  // namespace tenon::passes::eliminate_identity
