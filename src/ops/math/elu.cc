// Elu: x < 0 ? alpha (e^x - 1) : x. Selu: gamma Elu(x). Celu: max(0, x) + min(0, alpha (e^(x / alpha) - 1)).
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::elu {
namespace {

struct Elu {
  template <class T>
  static T apply(T x, const double* p) {
    return x < 0 ? p[0] * std::expm1(x) : x;
  }
};
struct Selu {
  template <class T>
  static T apply(T x, const double* p) {
    return p[1] * (x < 0 ? p[0] * std::expm1(x) : x);
  }
};
struct Celu {
  template <class T>
  static T apply(T x, const double* p) {
    return x < 0 ? p[0] * std::expm1(x / p[0]) : x;
  }
};

std::unique_ptr<const Kernel> make_elu(const NodeInfo& n) {
  return make_unary<TypeList<double>, Elu>(n, 2, kernels::Activation::kElu, n.attrs.get_float("alpha", 1));
}
constexpr float kAlpha1 = 1.6732f, kGamma1 = 1.0507f, kAlpha = 1.67326319217681884765625f,
                kGamma = 1.05070102214813232421875f;
std::unique_ptr<const Kernel> make_selu(const NodeInfo& n) {
  return make_unary<TypeList<double>, Selu>(n, 2, kernels::Activation::kSelu,
                                            n.attrs.get_float("alpha", n.since == 1 ? kAlpha1 : kAlpha),
                                            n.attrs.get_float("gamma", n.since == 1 ? kGamma1 : kGamma));
}
std::unique_ptr<const Kernel> make_celu(const NodeInfo& n) {
  return make_unary<TypeList<double>, Celu>(n, 2, kernels::Activation::kCelu, n.attrs.get_float("alpha", 1));
}

constexpr DTypeSet kFloatOnly = dtype_bit(DType::kFloat);
constexpr AttrDef kElu1[] = {float_attr("alpha", 1), optional_attr("consumed_inputs", AttrKind::kInts)};
constexpr AttrDef kElu[] = {float_attr("alpha", 1)};
constexpr AttrDef kSelu1[] = {float_attr("alpha", kAlpha1), optional_attr("consumed_inputs", AttrKind::kInts),
                              float_attr("gamma", kGamma1)};
constexpr AttrDef kSelu[] = {float_attr("alpha", kAlpha), float_attr("gamma", kGamma)};
constexpr std::array<OpDef, 2> kCelu = {unary_row_of("Celu", 12, 27, kX<kFloatOnly>, kY<kFloatOnly>, make_celu, kElu),
                                        unary_row_of("Celu", 28, 0, kX<kFloatSet>, kY<kFloatSet>, make_celu, kElu)};
constexpr auto kOps = joined(unary_1_6("Elu", 22, kPortsXY, make_elu, kElu1, kElu),
                             unary_1_6("Selu", 22, kPortsXY, make_selu, kSelu1, kSelu), kCelu);

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::elu
