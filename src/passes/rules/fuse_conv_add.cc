// Conv(x, W, b) + z → com.microsoft FusedConv(x, W, b, z), where z has the shape of the convolution's result.
// Level 2, reassociating: the sum may start from z. ORT's CPU runs the result.
#include "passes/rule.h"

namespace tenon::passes::fuse_conv_add {
namespace {

constexpr const char* kRoots[] = {"Add"};

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  Outcome why = kNoMatch;
  for (size_t side = 0; side < 2; ++side) {
    const ValueId y = operand(g, n, side), z = operand(g, n, 1 - side);
    const NodeId conv = producer_of(g, y, "Conv");
    if (conv == kNone || g.is_constant(z)) continue;
    const OpDef* fused = patch.row("com.microsoft", "FusedConv");
    if (!port_takes(g, fused, 0, y)) return fused ? skip("FusedConv does not take this type", y) : kNoMatch;
    if (!single_use(g, y)) {
      why = skip("the convolution has other readers", y);
    } else if (!same_type(g, y, z)) {
      why = skip("the sum broadcasts", z);
    } else {
      std::vector<ValueId> inputs{operand(g, conv, 0), operand(g, conv, 1), operand(g, conv, 2), z};
      patch.replace(result(g, n), patch.node("com.microsoft", "FusedConv", std::move(inputs), g.node(conv).attrs));
      return kPatched;
    }
  }
  return why;
}

}  // namespace
TENON_RULE(kRule, "fuse_conv_add", "ConvAddActivationFusion", Level::kExtended, NumericClass::kReassociating, kRoots,
           apply);
}  // namespace tenon::passes::fuse_conv_add
