// Ops that onnxruntime keeps in the ONNX domain up to opset 9: Affine alpha x + beta, Scale scale x, ParametricSoftplus
// alpha log(1 + e^(beta x)), ScaledTanh alpha tanh(beta x).
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::legacy_unary {
namespace {

struct Affine {
  template <class T>
  static T apply(T x, const double* p) {
    return x * static_cast<T>(p[0]) + static_cast<T>(p[1]);
  }
};
struct Softplus {
  template <class T>
  static T apply(T x, const double* p) {
    const T v = x * static_cast<T>(p[1]);
    return static_cast<T>(p[0]) * (v > 0 ? v + std::log1p(std::exp(-v)) : std::log1p(std::exp(v)));
  }
};
struct Tanh {
  template <class T>
  static T apply(T x, const double* p) {
    return static_cast<T>(p[0]) * std::tanh(static_cast<T>(p[1]) * x);
  }
};

double needed(const NodeInfo& n, const char* name) {
  if (!n.attrs.has(name)) fail("attribute {} is missing", name);
  return n.attrs.get_float(name, 0);
}
std::unique_ptr<const Kernel> make_affine(const NodeInfo& n) {
  return make_unary<RealFloats, Affine>(n, 0.5, n.attrs.get_float("alpha", 1), n.attrs.get_float("beta", 0));
}
std::unique_ptr<const Kernel> make_scale(const NodeInfo& n) {
  return make_unary<RealFloats, Affine>(n, 0.5, n.attrs.get_float("scale", 1));
}
template <class F>
std::unique_ptr<const Kernel> make_two(const NodeInfo& n) {
  return make_unary<RealFloats, F>(n, 15, needed(n, "alpha"), needed(n, "beta"));
}

constexpr AttrDef kAffine[] = {float_attr("alpha", 1), float_attr("beta", 0)}, kScale[] = {float_attr("scale", 1)};
constexpr AttrDef kTwo[] = {optional_attr("alpha", AttrKind::kFloat), optional_attr("beta", AttrKind::kFloat)};
constexpr OpDef kOps[] = {
    unary_row_of("Affine", 1, 9, kX<kOldFloatSet>, kY<kOldFloatSet>, make_affine, kAffine),
    unary_row_of("ParametricSoftplus", 1, 9, kX<kOldFloatSet>, kY<kOldFloatSet>, make_two<Softplus>, kTwo),
    unary_row_of("Scale", 1, 9, kInput<kOldFloatSet>, kOutput<kOldFloatSet>, make_scale, kScale),
    unary_row_of("ScaledTanh", 1, 9, kInput<kOldFloatSet>, kOutput<kOldFloatSet>, make_two<Tanh>, kTwo),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::legacy_unary
