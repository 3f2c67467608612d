// Activation names to kernel activations.
#include "ops/activation_attr.h"

#include <limits>

#include "base/error.h"

namespace tenon::ops {
namespace {

using kernels::Activation;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Row {
  const char* name;
  Activation activation;
  float p0 = 0, p1 = 0;
};
constexpr Row kRows[] = {
    {"", Activation::kNone},
    {"Relu", Activation::kRelu},
    {"Clip", Activation::kClip, -kInfinity, kInfinity},
    {"LeakyRelu", Activation::kLeakyRelu, 0.01f},
    {"Elu", Activation::kElu, 1},
    {"Selu", Activation::kSelu, 1.67326319217681884765625f, 1.05070102214813232421875f},
    {"Celu", Activation::kCelu, 1},
    {"ThresholdedRelu", Activation::kThresholdedRelu, 1},
    {"Sigmoid", Activation::kSigmoid},
    {"HardSigmoid", Activation::kHardSigmoid, 0.2f, 0.5f},
    {"Tanh", Activation::kTanh},
    {"Gelu", Activation::kGeluErf},
    {"FastGelu", Activation::kGeluTanh},
    {"QuickGelu", Activation::kQuickGelu, 1.702f},
    {"Silu", Activation::kSilu},
    {"HardSwish", Activation::kHardSwish},
    {"Softplus", Activation::kSoftplus},
    {"Softsign", Activation::kSoftsign},
    {"Mish", Activation::kMish},
};

}  // namespace

void set_activation(std::string_view name, std::span<const float> params, kernels::Epilogue* e) {
  for (const Row& r : kRows) {
    if (name != r.name) continue;
    e->activation = r.activation;
    e->p0 = params.size() > 0 ? params[0] : r.p0;
    e->p1 = params.size() > 1 ? params[1] : r.p1;
    return;
  }
  std::string known;
  for (const Row& r : kRows) known += *r.name ? std::string(known.empty() ? "" : ", ") + r.name : "";
  fail("attribute activation: '{}' found, expected one of: {}", name, known);
}

}  // namespace tenon::ops
