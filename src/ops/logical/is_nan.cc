// IsNaN, by bit patterns for the types below 32 bits.
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

void infer(InferContext& c) { infer_like(c, DType::kBool); }

template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"X", T, "T1"}}, kOut[] = {{"Y", kBoolSet, "T2"}};
};
constexpr OpDef kRow = {.name = "IsNaN", .infer = infer, .make = make_is_nan};
constexpr OpDef kOps[] = {row_of<Ports<kOldFloatSet>>(kRow, 9, 12), row_of<Ports<kFloatSet>>(kRow, 13, 19),
                          row_of<Ports<kFloatSet | kFloat8Set>>(kRow, 20, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::is_nan
