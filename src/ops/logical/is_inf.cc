// IsInf, by bit patterns for the types below 32 bits.
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::is_inf {
namespace {

// p: whether to look for -inf, +inf.
struct IsInf {
  template <class T>
  static bool apply(T x, const double* p) {
    return std::isinf(x) && p[std::signbit(x) ? 0 : 1] != 0;
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

constexpr AttrDef kAttrs[] = {int_attr("detect_negative", 1), int_attr("detect_positive", 1)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"X", T, "T1"}}, kOut[] = {{"Y", kBoolSet, "T2"}};
};
constexpr OpDef kRow = {.name = "IsInf", .attrs = kAttrs, .infer = infer, .make = make_is_inf};
constexpr OpDef kOps[] = {row_of<Ports<RealFloats::set>>(kRow, 10, 19),
                          row_of<Ports<kFloatSet | kFloat8Set>>(kRow, 20, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::is_inf
