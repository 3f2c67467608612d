// Neg, Abs, Sign: elementwise; the smallest integer is its own Neg and Abs. Sign of NaN is NaN.
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::sign {
namespace {

template <class T>
T negate(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return -x;
  else
    return static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(x));
}
struct Neg {
  template <class T>
  static T apply(T x, const double*) {
    return negate(x);
  }
};
struct Abs {
  template <class T>
  static T apply(T x, const double*) {
    if constexpr (std::is_floating_point_v<T>)
      return std::fabs(x);
    else if constexpr (std::is_signed_v<T>)
      return x < 0 ? negate(x) : x;
    else
      return x;
  }
};
struct Sign {
  template <class T>
  static T apply(T x, const double*) {
    return x > 0 ? T(1) : x == 0 ? T(0) : x == x ? static_cast<T>(-1) : x;
  }
};

using Signed = Join<TypeList<double>, SignedInts>;
using All = Join<TypeList<double>, IntTypes>;
template <class Types, class F, kernels::Unary f>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return make_unary<Types, F>(n, 0.3, f);
}
constexpr MakeKernel kNeg = make_op<Signed, Neg, kernels::Unary::kNeg>, kAbs = make_op<All, Abs, kernels::Unary::kAbs>,
                     kSign = make_op<All, Sign, kernels::Unary::kSign>;

void infer_neg(InferContext& c) {
  infer_like(c);
  derive_unary(c, [](Symbols& s, int64_t a) { return s.sub(0, a); });
}
void infer_abs(InferContext& c) {
  infer_like(c);
  derive_unary(c, [](Symbols& s, int64_t a) {
    if (s.lower_bound(a) >= 0) return a;
    return s.upper_bound(a) <= 0 ? s.sub(0, a) : kUndecided;
  });
}
void infer_sign(InferContext& c) {
  infer_like(c);
  derive_unary(c, [](Symbols& s, int64_t a) {
    if (s.lower_bound(a) > 0) return int64_t{1};
    if (s.upper_bound(a) < 0) return int64_t{-1};
    return a == 0 ? 0 : kUndecided;
  });
}

constexpr DTypeSet kNeg6 = kOldFloatSet | SignedInts::set, kNeg13 = kFloatSet | SignedInts::set,
                   kAbs6 = kOldFloatSet | kIntSet;
constexpr auto kKernel = Lowering::kKernel;
constexpr OpDef kOps[] = {
    {"Neg", "", 1, 5, kX<kOldFloatSet>, kY<kOldFloatSet>, kConsumed, infer_neg, kNeg, kKernel, 1},
    {"Neg", "", 6, 12, kX<kNeg6>, kY<kNeg6>, {}, infer_neg, kNeg, kKernel, 1},
    {"Neg", "", 13, 0, kX<kNeg13>, kY<kNeg13>, {}, infer_neg, kNeg, kKernel, 1},
    {"Abs", "", 1, 5, kX<kOldFloatSet>, kY<kOldFloatSet>, kConsumed, infer_abs, kAbs, kKernel, 1},
    {"Abs", "", 6, 12, kX<kAbs6>, kY<kAbs6>, {}, infer_abs, kAbs, kKernel, 1},
    {"Abs", "", 13, 0, kX<kNumericSet>, kY<kNumericSet>, {}, infer_abs, kAbs, kKernel, 1},
    {"Sign", "", 9, 12, kInput<kAbs6>, kOutput<kAbs6>, {}, infer_sign, kSign, kKernel, 1},
    {"Sign", "", 13, 0, kInput<kNumericSet>, kOutput<kNumericSet>, {}, infer_sign, kSign, kKernel, 1},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::sign
