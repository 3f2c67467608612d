// BatchNormalization(Conv(x, W, b)) → Conv(x, W s, (b - mean) s + beta), s = gamma / sqrt(var + eps), per channel.
// Level 1, reassociating: one rounding of the scaled weight replaces one of the scaled sum.
#include "passes/rule.h"

namespace tenon::passes::fold_conv_bn {
namespace {

constexpr const char* kRoots[] = {"BatchNormalization"};

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  const NodeId conv = producer_of(g, operand(g, n, 0), "Conv");
  if (conv == kNone) return kNoMatch;
  if (!single_use(g, operand(g, n, 0))) return skip("the convolution has other readers", operand(g, n, 0));
  for (size_t k = 1; k < g.node(n).outputs.size(); ++k)
    if (g.node(n).outputs[k] != kNone) return skip("statistics are asked for", g.node(n).outputs[k]);
  if (!in_inference(g, n) || g.node(n).attrs.get_int("spatial", 1) == 0)
    return skip("the node trains or is not spatial");

  const ValueId w = operand(g, conv, 1), b = operand(g, conv, 2);
  if (!g.is_constant(w)) return skip("the weight is not constant", w);
  if (b != kNone && !g.is_constant(b)) return skip("the bias is not constant", b);
  const DType type = g.type(w).elem;
  const Value& weight = g.constant(w);
  if (!is_float(type) || weight.dims().size() < 3) return kNoMatch;
  const auto channels = static_cast<size_t>(weight.dims()[0]);
  std::vector<double> p[4];  // gamma, beta, mean, var
  for (size_t i = 0; i < 4; ++i) {
    const ValueId v = operand(g, n, i + 1);
    if (!g.is_constant(v)) return skip("a parameter is not constant", v);
    if (!is_float(g.type(v).elem) || g.constant(v).count() != static_cast<int64_t>(channels)) return kNoMatch;
    p[i] = const_doubles(g.constant(v));
  }
  const double epsilon = g.node(n).attrs.get_float("epsilon", 1e-5f);

  std::vector<double> weights = const_doubles(weight);
  std::vector<double> bias = b == kNone ? std::vector<double>(channels) : const_doubles(g.constant(b));
  const size_t per_channel = channels ? weights.size() / channels : 0;
  for (size_t c = 0; c < channels; ++c) {
    const double s = p[0][c] / std::sqrt(p[3][c] + epsilon);
    if (!std::isfinite(s)) return skip("a scale is not finite", operand(g, n, 4));
    for (size_t i = 0; i < per_channel; ++i) weights[c * per_channel + i] *= s;
    bias[c] = (bias[c] - p[2][c]) * s + p[1][c];
  }
  const ValueId new_w = patch.constant(g.value(w).name, float_tensor(type, weight.dims(), weights));
  const Dims channel_dims{static_cast<int64_t>(channels)};
  const std::string hint = b == kNone ? g.value(w).name + "_bias" : g.value(b).name;
  const ValueId new_b = patch.constant(hint, float_tensor(type, channel_dims, bias));
  patch.replace(result(g, n), patch.node("", "Conv", {operand(g, conv, 0), new_w, new_b}, g.node(conv).attrs));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "fold_conv_bn", "ConvBNFusion", Level::kBasic, NumericClass::kReassociating, kRoots, apply);
}  // namespace tenon::passes::fold_conv_bn
