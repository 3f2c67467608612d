// Conv(x, W, b) * c and Conv(x, W, b) + c with a constant per channel (or one for all) → Conv with other constants.
// Level 1, reassociating: the constant is rounded into the weight or the bias.
#include "passes/rule.h"

namespace tenon::passes::fold_conv_scale {
namespace {

constexpr const char* kRoots[] = {"Mul", "Add"};

/// c as one value per channel of a convolution result of this rank; empty when it varies otherwise.
std::vector<double> per_channel(const Value& c, size_t rank, size_t channels) {
  const auto dims = c.dims();
  if (dims.size() > rank) return {};
  for (size_t i = 0; i < dims.size(); ++i) {
    const size_t axis = rank - dims.size() + i;
    if (dims[i] != 1 && !(axis == 1 && dims[i] == static_cast<int64_t>(channels))) return {};
  }
  std::vector<double> v = const_doubles(c);
  if (v.size() == 1) v.resize(channels, v[0]);
  return v;
}

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  size_t side = 0;
  NodeId conv = producer_of(g, operand(g, n, 0), "Conv");
  if (conv == kNone || !g.is_constant(operand(g, n, 1))) {
    side = 1;
    conv = producer_of(g, operand(g, n, 1), "Conv");
  }
  const ValueId y = operand(g, n, side), c = operand(g, n, 1 - side);
  if (conv == kNone || !g.is_constant(c)) return kNoMatch;
  if (!single_use(g, y)) return skip("the convolution has other readers", y);
  const ValueId w = operand(g, conv, 1), b = operand(g, conv, 2);
  if (!g.is_constant(w)) return skip("the weight is not constant", w);
  if (b != kNone && !g.is_constant(b)) return skip("the bias is not constant", b);
  const Value& weight = g.constant(w);
  const DType type = weight.dtype();
  if (!is_float(type) || weight.dims().size() < 3) return kNoMatch;
  const auto channels = static_cast<size_t>(weight.dims()[0]);
  const std::vector<double> k = per_channel(g.constant(c), weight.dims().size(), channels);
  if (channels == 0 || k.size() != channels) return skip("the constant varies within a channel", c);

  std::vector<double> bias = b == kNone ? std::vector<double>(channels) : const_doubles(g.constant(b));
  ValueId new_w = w;
  if (g.node(n).op == "Add") {
    for (size_t i = 0; i < channels; ++i) bias[i] += k[i];
  } else {
    std::vector<double> weights = const_doubles(weight);
    const size_t size = weights.size() / channels;
    for (size_t i = 0; i < channels; ++i) {
      if (!std::isfinite(k[i])) return skip("a scale is not finite", c);
      bias[i] *= k[i];
      for (size_t j = 0; j < size; ++j) weights[i * size + j] *= k[i];
    }
    new_w = patch.constant(g.value(w).name, float_tensor(type, weight.dims(), weights));
  }
  std::vector<ValueId> inputs{operand(g, conv, 0), new_w};
  if (b != kNone || g.node(n).op == "Add") {
    const Dims dims{static_cast<int64_t>(channels)};
    const std::string hint = b == kNone ? g.value(w).name + "_bias" : g.value(b).name;
    inputs.push_back(patch.constant(hint, float_tensor(type, dims, bias)));
  }
  patch.replace(result(g, n), patch.node("", "Conv", std::move(inputs), g.node(conv).attrs));
  return kPatched;
}

}  // namespace
TENON_RULE(kRule, "fold_conv_scale", "ConvMulFusion", Level::kBasic, NumericClass::kReassociating, kRoots, apply);
}  // namespace tenon::passes::fold_conv_scale
