// Div and Mod with broadcasting. Integer Div truncates; the smallest integer over -1 wraps to itself; a zero integer
// divisor is an error. Mod: Python's % (fmod=0) or C's fmod (fmod=1), for floats and integers alike.
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops::division {
namespace {

struct Div {
  template <class T>
  static T apply(T a, T b, const double*) {
    if constexpr (std::is_integral_v<T>) {
      if (b == 0) fail("integer division by zero");
      if constexpr (std::is_signed_v<T>)
        if (b == -1) return static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(a));
    }
    return static_cast<T>(a / b);
  }
};

struct FloorMod {
  template <class T>
  static T apply(T a, T b, const double*) {
    if constexpr (std::is_floating_point_v<T>) {
      const T r = std::fmod(a, b);
      if (r == 0) return std::copysign(r, b);
      return (r < 0) != (b < 0) ? r + b : r;
    } else {
      if (b == 0) fail("integer remainder of a division by zero");
      if constexpr (std::is_signed_v<T>) {
        if (b == -1) return 0;
        const T r = static_cast<T>(a % b);
        return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
      } else {
        return static_cast<T>(a % b);
      }
    }
  }
};
struct TruncMod {
  template <class T>
  static T apply(T a, T b, const double*) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fmod(a, b);
    } else {
      if (b == 0) fail("integer remainder of a division by zero");
      if constexpr (std::is_signed_v<T>)
        if (b == -1) return 0;
      return static_cast<T>(a % b);
    }
  }
};

using DoubleAndInts = Join<TypeList<double>, IntTypes>;

std::unique_ptr<const Kernel> make_div(const NodeInfo& n) {
  return std::make_unique<const BinaryKernel>(
      binary_map<DoubleAndInts, Div>(n.dtype(0), 0.5, kernels::Binary::kDiv, n.isa), legacy_axis(n));
}
std::unique_ptr<const Kernel> make_mod(const NodeInfo& n) {
  const DType t = n.dtype(0);
  return std::make_unique<const BinaryKernel>(n.attrs.get_int("fmod", 0) ? binary_map<NumericTypes, TruncMod>(t, 5)
                                                                         : binary_map<NumericTypes, FloorMod>(t, 5));
}

void infer_old(InferContext& c) { infer_legacy(c, c.dtype(0)); }
void infer_div(InferContext& c) {
  infer_broadcast(c);
  derive_binary(c, [](Symbols& s, int64_t a, int64_t b) { return b == 0 ? kUndecided : s.trunc_div(a, b); });
}
int64_t floor_mod(Symbols& s, int64_t a, int64_t b) { return b == 0 ? kUndecided : s.mod(a, b); }
int64_t trunc_mod(Symbols& s, int64_t a, int64_t b) {
  return b == 0 || s.lower_bound(a) < 0 || s.lower_bound(b) <= 0 ? kUndecided : s.mod(a, b);
}
void infer_mod(InferContext& c) {
  infer_broadcast(c);
  const int64_t fmod = c.attrs().get_int("fmod", 0);
  if (fmod != 0 && fmod != 1) fail("attribute fmod is {}, expected 0 or 1", fmod);
  derive_binary(c, fmod ? &trunc_mod : &floor_mod);
}

constexpr DTypeSet kSet6 = kOldFloatSet | kWideSet, kSet13 = kFloatSet | kWideSet, kMod10 = kOldFloatSet | kIntSet;
constexpr AttrDef kFmod[] = {int_attr("fmod", 0)};
constexpr auto kKernel = Lowering::kKernel;
constexpr OpDef kOps[] = {
    {"Div", "", 1, 5, kAB<kOldFloatSet>, kC<kOldFloatSet>, kLegacy1, infer_old, make_div, kKernel, 3},
    {"Div", "", 6, 6, kAB<kSet6>, kC<kSet6>, kLegacy6, infer_old, make_div, kKernel, 3},
    {"Div", "", 7, 12, kAB<kSet6>, kC<kSet6>, {}, infer_div, make_div, kKernel, 3},
    {"Div", "", 13, 13, kAB<kSet13>, kC<kSet13>, {}, infer_div, make_div, kKernel, 3},
    {"Div", "", 14, 0, kAB<kNumericSet>, kC<kNumericSet>, {}, infer_div, make_div, kKernel, 3},
    {"Mod", "", 10, 12, kAB<kMod10>, kC<kMod10>, kFmod, infer_mod, make_mod, kKernel, 3},
    {"Mod", "", 13, 27, kAB<kNumericSet>, kC<kNumericSet>, kFmod, infer_mod, make_mod, kKernel, 3},
    {"Mod", "", 28, 0, kAB<kNumericSet>, kC<kNumericSet>, kFmod, infer_mod, make_mod, kKernel, 3},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::division
