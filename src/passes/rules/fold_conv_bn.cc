// BatchNormalization(Conv(x, W, b)) → Conv(x, W s, (b - mean) s + beta), s = gamma / sqrt(var + eps), per channel; the
// same for ConvTranspose.
// Level 1, reassociating: one rounding of the scaled weight replaces one of the scaled sum.
#include "base/shape.h"
#include "passes/rule.h"

namespace tenon::passes::fold_conv_bn {
namespace {

constexpr const char* kRoots[] = {"BatchNormalization"};

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  NodeId conv = producer_of(g, operand(g, n, 0), "Conv");
  const bool transposed = conv == kNone;
  if (transposed) conv = producer_of(g, operand(g, n, 0), "ConvTranspose");
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
  // Conv's weight is [M, ...], ConvTranspose's [C, M/group, ...] with the channels of group i in rows of its C/group.
  const auto groups = static_cast<size_t>(transposed ? g.node(conv).attrs.get_int("group", 1) : 1);
  const auto rows = static_cast<size_t>(weight.dims()[0]), columns = static_cast<size_t>(weight.dims()[1]);
  const size_t channels = transposed ? groups * columns : rows;
  if (channels == 0 || (transposed && rows % groups != 0)) return kNoMatch;
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
  std::vector<double> scale(channels);
  for (size_t c = 0; c < channels; ++c) {
    scale[c] = p[0][c] / std::sqrt(p[3][c] + epsilon);
    if (!std::isfinite(scale[c])) return skip("a scale is not finite", operand(g, n, 4));
    bias[c] = (bias[c] - p[2][c]) * scale[c] + p[1][c];
  }
  const size_t block = static_cast<size_t>(extent(weight.dims(), transposed ? 2 : 1, weight.dims().size()));
  for (size_t i = 0; i < weights.size(); ++i) {
    const size_t at = i / block;
    weights[i] *= scale[transposed ? at / columns / (rows / groups) * columns + at % columns : at];
  }

  const ValueId new_w = patch.constant(g.value(w).name, float_tensor(type, weight.dims(), weights));
  const Dims channel_dims{static_cast<int64_t>(channels)};
  const std::string hint = b == kNone ? g.value(w).name + "_bias" : g.value(b).name;
  const ValueId new_b = patch.constant(hint, float_tensor(type, channel_dims, bias));
  patch.replace(result(g, n), patch.node("", g.node(conv).op, {operand(g, conv, 0), new_w, new_b}, g.node(conv).attrs));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "fold_conv_bn", "ConvBNFusion", Level::kBasic, NumericClass::kReassociating, kRoots, apply);
}  // namespace tenon::passes::fold_conv_bn
