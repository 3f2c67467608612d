// Relu: max(x, 0). LeakyRelu: x < 0 ? alpha x : x. ThresholdedRelu: x > alpha ? x : 0. NaN stays NaN.
#include "ops/map_rows.h"

namespace tenon::ops::relu {
namespace {

struct Relu {
  template <class T>
  static T apply(T x, const double*) {
    return x < 0 ? T(0) : x;
  }
};
struct LeakyRelu {
  template <class T>
  static T apply(T x, const double* p) {
    return x < 0 ? static_cast<T>(p[0]) * x : x;
  }
};
struct ThresholdedRelu {
  template <class T>
  static T apply(T x, const double* p) {
    return x <= static_cast<T>(p[0]) ? T(0) : x;
  }
};

std::unique_ptr<const Kernel> make_relu(const NodeInfo& n) {
  return make_unary<Join<TypeList<double>, SignedInts>, Relu>(n, 0.3, kernels::Activation::kRelu);
}
std::unique_ptr<const Kernel> make_leaky(const NodeInfo& n) {
  return make_unary<TypeList<double>, LeakyRelu>(n, 0.3, kernels::Activation::kLeakyRelu,
                                                 n.attrs.get_float("alpha", 0.01f));
}
std::unique_ptr<const Kernel> make_thresholded(const NodeInfo& n) {
  return make_unary<TypeList<double>, ThresholdedRelu>(n, 0.3, kernels::Activation::kThresholdedRelu,
                                                       n.attrs.get_float("alpha", 1));
}

constexpr DTypeSet kRelu14 = kFloatSet | SignedInts::set;
constexpr AttrDef kLeaky1[] = {float_attr("alpha", 0.01f), optional_attr("consumed_inputs", AttrKind::kInts)};
constexpr AttrDef kLeaky[] = {float_attr("alpha", 0.01f)};
constexpr AttrDef kThreshold[] = {float_attr("alpha", 1)};
constexpr std::array<OpDef, 4> kRelu = {
    unary_row_of("Relu", 1, 5, kX<kOldFloatSet>, kY<kOldFloatSet>, make_relu, kConsumed),
    unary_row_of("Relu", 6, 12, kX<kOldFloatSet>, kY<kOldFloatSet>, make_relu),
    unary_row_of("Relu", 13, 13, kX<kFloatSet>, kY<kFloatSet>, make_relu),
    unary_row_of("Relu", 14, 0, kX<kRelu14>, kY<kRelu14>, make_relu)};
constexpr auto kOps = joined(kRelu, unary_1_6("LeakyRelu", 16, kPortsXY, make_leaky, kLeaky1, kLeaky),
                             unary_pair("ThresholdedRelu", 10, 22, kPortsXY, make_thresholded, kThreshold));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::relu
