// activation(Conv(...)) or activation(FusedConv(...)) → FusedConv with the activation.
// Level 2 for the activations that ORT's CPU fuses too, level 99 for the rest. Exact: the same function of the same
// sum, before it is stored.
#include "passes/rule.h"

namespace tenon::passes::fuse_conv_activation {
namespace {

constexpr const char* kRoots[] = {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Clip", "HardSigmoid"};
constexpr const char* kMoreRoots[] = {"HardSwish", "Elu",      "Celu", "ThresholdedRelu", "Gelu", "FastGelu",
                                      "QuickGelu", "Softplus", "Mish", "Softsign"};

Outcome fuse(const Graph& g, NodeId n, Patch& patch) {
  const ValueId y = operand(g, n, 0);
  NodeId conv = producer_of(g, y, "Conv");
  if (conv == kNone) conv = producer_of(g, y, "FusedConv", "com.microsoft");
  if (conv == kNone || !g.node(conv).attrs.get_string("activation", "").empty()) return kNoMatch;
  const OpDef* fused = patch.row("com.microsoft", "FusedConv");
  if (!port_takes(g, fused, 0, y)) return fused ? skip("FusedConv does not take this type", y) : kNoMatch;
  if (!single_use(g, y)) return skip("the convolution has other readers", y);
  const auto activation = activation_of(g, n);
  if (!activation) return skip("a parameter of the activation is not constant");
  Attrs attrs = g.node(conv).attrs;
  attrs.set("activation", activation->name);
  if (!activation->params.empty()) attrs.set("activation_params", activation->params);
  const auto operands = g.node(conv).operands();
  patch.replace(result(g, n), patch.node("com.microsoft", "FusedConv", {operands.begin(), operands.end()}, attrs));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "fuse_conv_activation", "ConvActivationFusion", Level::kExtended, NumericClass::kExact, kRoots, fuse);
TENON_RULE(kMore, "fuse_conv_more_activations", "", Level::kAll, NumericClass::kExact, kMoreRoots, fuse);
}  // namespace tenon::passes::fuse_conv_activation
