// Sigmoid and its kin: HardSigmoid, HardSwish, Swish, Mish, Softplus, Softsign.
#include <algorithm>
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::sigmoid {
namespace {

double logistic(double x) {
  const double e = std::exp(-std::fabs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
// x * factor, but the limit 0 where the factor has vanished at x = -inf.
double times(double x, double factor) { return factor == 0 ? std::copysign(0.0, x) : x * factor; }
double unit(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

#define FUNCTION(Name, expression)                          \
  struct Name {                                             \
    template <class T>                                      \
    static T apply(T x, [[maybe_unused]] const double* p) { \
      return expression;                                    \
    }                                                       \
  };
FUNCTION(Sigmoid, logistic(x))
FUNCTION(HardSigmoid, unit(p[0] * x + p[1]))
FUNCTION(HardSwish, times(x, unit(x / 6 + 0.5)))
FUNCTION(Swish, times(x, logistic(p[0] * x)))
FUNCTION(Mish, times(x, std::tanh(softplus(x))))
FUNCTION(Softplus, softplus(x))
FUNCTION(Softsign, std::isinf(x) ? std::copysign(T(1), x) : x / (1 + std::fabs(x)))
#undef FUNCTION

template <class F, kernels::Activation f>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return make_unary<TypeList<double>, F>(n, 2, f);
}
std::unique_ptr<const Kernel> make_hard_sigmoid(const NodeInfo& n) {
  return make_unary<TypeList<double>, HardSigmoid>(n, 0.4, kernels::Activation::kHardSigmoid,
                                                   n.attrs.get_float("alpha", 0.2f), n.attrs.get_float("beta", 0.5f));
}
std::unique_ptr<const Kernel> make_swish(const NodeInfo& n) {
  return make_unary<TypeList<double>, Swish>(n, 2, kernels::Activation::kQuickGelu, n.attrs.get_float("alpha", 1));
}

constexpr AttrDef kHard1[] = {float_attr("alpha", 0.2f), float_attr("beta", 0.5f),
                              optional_attr("consumed_inputs", AttrKind::kInts)};
constexpr AttrDef kHard[] = {float_attr("alpha", 0.2f), float_attr("beta", 0.5f)};
constexpr AttrDef kSwish[] = {float_attr("alpha", 1)};
constexpr std::array<OpDef, 1> kSwishRow = {
    unary_row_of("Swish", 24, 0, kX<kFloatSet>, kY<kFloatSet>, make_swish, kSwish)};
constexpr auto kOps =
    joined(unary_1_6("Sigmoid", 13, kPortsXY, make_op<Sigmoid, kernels::Activation::kSigmoid>),
           unary_1_6("HardSigmoid", 22, kPortsXY, make_hard_sigmoid, kHard1, kHard),
           unary_pair("HardSwish", 14, 22, kPortsXY, make_op<HardSwish, kernels::Activation::kHardSwish>), kSwishRow,
           unary_pair("Mish", 18, 22, kPortsXY, make_op<Mish, kernels::Activation::kMish>),
           unary_pair("Softplus", 1, 22, kPortsXY, make_op<Softplus, kernels::Activation::kSoftplus>),
           unary_pair("Softsign", 1, 22, kPortsInputOutput, make_op<Softsign, kernels::Activation::kSoftsign>));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::sigmoid
