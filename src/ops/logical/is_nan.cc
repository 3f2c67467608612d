// IsNaN and IsInf, by bit patterns for the types below 32 bits.
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::is_nan {
namespace {

struct IsNan {
  template <class T>
  static bool apply(T x, const double*) {
    return std::isnan(x);
  }
};
// p: whether to look for -inf, +inf.
struct IsInf {
  template <class T>
  static bool apply(T x, const double* p) {
    return std::isinf(x) && p[std::signbit(x) ? 0 : 1] != 0;
  }
};
// p: the codes of infinity are p[0] without the sign; beyond it lies NaN. Types without infinity: p[0] = NaN's code
// - 1.
struct CodeIsNan {
  template <class T>
  static bool apply(T x, const double* p) {
    return (x & (static_cast<T>(~T(0)) >> 1)) > p[0];
  }
};
struct CodeIsMinusZero {
  template <class T>
  static bool apply(T x, const double*) {
    return x == T(T(1) << (8 * sizeof(T) - 1));
  }
};
struct Never {
  template <class T>
  static bool apply(T, const double*) {
    return false;
  }
};
// p: the codes of -inf and +inf to look for, -1 for none.
struct CodeIsOneOf {
  template <class T>
  static bool apply(T x, const double* p) {
    return x == p[0] || x == p[1];
  }
};

template <class F>
std::unique_ptr<const Kernel> code_kernel(DType t, double p0, double p1 = 0) {
  UnaryMap m = unary_map<TypeList<uint8_t, uint16_t>, F>(dtype_size(t) == 1 ? DType::kUint8 : DType::kUint16, 0.5);
  m.p[0] = p0;
  m.p[1] = p1;
  return std::make_unique<const UnaryKernel>(m);
}

std::unique_ptr<const Kernel> make_is_nan(const NodeInfo& n) {
  const DType t = n.dtype(0);
  switch (t) {
    case DType::kFloat16:
      return code_kernel<CodeIsNan>(t, 0x7c00);
    case DType::kBFloat16:
      return code_kernel<CodeIsNan>(t, 0x7f80);
    case DType::kFloat8E4M3FN:
      return code_kernel<CodeIsNan>(t, 0x7e);
    case DType::kFloat8E5M2:
      return code_kernel<CodeIsNan>(t, 0x7c);
    case DType::kFloat8E4M3FNUZ:
    case DType::kFloat8E5M2FNUZ:
      return code_kernel<CodeIsMinusZero>(t, 0);
    default:
      return make_unary<RealFloats, IsNan>(n, 0.5);
  }
}
std::unique_ptr<const Kernel> make_is_inf(const NodeInfo& n) {
  const DType t = n.dtype(0);
  const bool minus = n.attrs.get_int("detect_negative", 1) != 0, plus = n.attrs.get_int("detect_positive", 1) != 0;
  switch (t) {
    case DType::kFloat16:
      return code_kernel<CodeIsOneOf>(t, minus ? 0xfc00 : -1, plus ? 0x7c00 : -1);
    case DType::kBFloat16:
      return code_kernel<CodeIsOneOf>(t, minus ? 0xff80 : -1, plus ? 0x7f80 : -1);
    case DType::kFloat8E5M2:
      return code_kernel<CodeIsOneOf>(t, minus ? 0xfc : -1, plus ? 0x7c : -1);
    case DType::kFloat8E4M3FN:
    case DType::kFloat8E4M3FNUZ:
    case DType::kFloat8E5M2FNUZ:
      return code_kernel<Never>(t, 0);
    default:
      return make_unary<RealFloats, IsInf>(n, 0.5, minus, plus);
  }
}

void infer(InferContext& c) { infer_like(c, DType::kBool); }

constexpr DTypeSet kFloat8 = kFloat8Set, kSet20 = kFloatSet | kFloat8;
template <DTypeSet S>
constexpr Port kIn[] = {{"X", S, "T1"}};
constexpr Port kOut[] = {{"Y", kBoolSet, "T2"}};
constexpr AttrDef kDetect[] = {int_attr("detect_negative", 1), int_attr("detect_positive", 1)};
constexpr OpDef kOps[] = {
    {"IsNaN", "", 9, 12, kIn<kOldFloatSet>, kOut, {}, infer, make_is_nan},
    {"IsNaN", "", 13, 19, kIn<kFloatSet>, kOut, {}, infer, make_is_nan},
    {"IsNaN", "", 20, 0, kIn<kSet20>, kOut, {}, infer, make_is_nan},
    {"IsInf", "", 10, 19, kIn<RealFloats::set>, kOut, kDetect, infer, make_is_inf},
    {"IsInf", "", 20, 0, kIn<kSet20>, kOut, kDetect, infer, make_is_inf},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::is_nan
