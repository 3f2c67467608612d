// activation(Gemm(...)) → com.microsoft FusedGemm.
// Level 2 for the activations that ORT's CPU fuses too. Exact: the same function of the same sum.
#include "passes/rule.h"

namespace tenon::passes::fuse_gemm_activation {
namespace {

constexpr const char* kRoots[] = {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid"};
constexpr const char* kParams[] = {"activation_alpha", "activation_beta"};

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  const ValueId y = operand(g, n, 0);
  const NodeId gemm = producer_of(g, y, "Gemm");
  if (gemm == kNone) return kNoMatch;
  const OpDef* fused = patch.row("com.microsoft", "FusedGemm");
  if (!port_takes(g, fused, 0, y)) return fused ? skip("FusedGemm does not take this type", y) : kNoMatch;
  if (!single_use(g, y)) return skip("the product has other readers", y);
  const auto activation = activation_of(g, n);
  if (!activation) return kNoMatch;
  Attrs attrs = g.node(gemm).attrs;
  attrs.set("activation", activation->name);
  for (size_t i = 0; i < activation->params.size(); ++i) attrs.set(kParams[i], activation->params[i]);
  const auto operands = g.node(gemm).operands();
  patch.replace(result(g, n), patch.node("com.microsoft", "FusedGemm", {operands.begin(), operands.end()}, attrs));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "fuse_gemm_activation", "GemmActivationFusion", Level::kExtended, NumericClass::kExact, kRoots,
           apply);
}  // namespace tenon::passes::fuse_gemm_activation
