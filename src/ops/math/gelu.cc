// Gelu: x/2 (1 + erf(x / sqrt 2)), or with approximate="tanh" x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
// com.microsoft: Gelu and QuickGelu = x sigmoid(alpha x).
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::gelu {
namespace {

// x * factor, but the limit 0 where the factor has vanished at x = -inf.
double times(double x, double factor) { return factor == 0 ? std::copysign(0.0, x) : x * factor; }

struct Exact {
  template <class T>
  static T apply(T x, const double*) {
    return times(x / 2, 1 + std::erf(x * std::sqrt(0.5)));
  }
};
struct Tanh {
  template <class T>
  static T apply(T x, const double*) {
    constexpr double kRoot2OverPi = 0.79788456080286535588;
    return times(x / 2, 1 + std::tanh(kRoot2OverPi * (x + 0.044715 * x * x * x)));
  }
};
struct Quick {
  template <class T>
  static T apply(T x, const double* p) {
    return times(x, 1 / (1 + std::exp(-p[0] * x)));
  }
};

std::unique_ptr<const Kernel> make_gelu(const NodeInfo& n) {
  if (n.attrs.get_string("approximate", "none") == "tanh")
    return make_unary<TypeList<double>, Tanh>(n, 3, kernels::Activation::kGeluTanh);
  return make_unary<TypeList<double>, Exact>(n, 3, kernels::Activation::kGeluErf);
}
std::unique_ptr<const Kernel> make_quick(const NodeInfo& n) {
  return make_unary<TypeList<double>, Quick>(n, 2, kernels::Activation::kQuickGelu, n.attrs.get_float("alpha", 1.702f));
}

void infer(InferContext& c) {
  const std::string_view how = c.attrs().get_string("approximate", "none");
  if (how != "none" && how != "tanh") fail("attribute approximate is '{}', expected 'none' or 'tanh'", how);
  infer_like(c);
}

constexpr AttrDef kApproximate[] = {string_attr("approximate", "none")};
constexpr AttrDef kAlpha[] = {float_attr("alpha", 1.702f)};
constexpr OpDef kOps[] = {
    {"Gelu", "", 20, 0, kX<kFloatSet>, kY<kFloatSet>, kApproximate, infer, make_gelu, Lowering::kKernel, 1},
    {"Gelu", "com.microsoft", 1, 0, kX<kFloatSet>, kY<kFloatSet>, {}, infer, make_gelu, Lowering::kKernel, 1},
    {"QuickGelu", "com.microsoft", 1, 0, kX<kFloatSet>, kY<kFloatSet>, kAlpha, infer_like, make_quick,
     Lowering::kKernel, 1},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::gelu
