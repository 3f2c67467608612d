// Shrink: x < -lambd ? x + bias : x > lambd ? x - bias : 0.
#include "ops/map_rows.h"

namespace tenon::ops::shrink {
namespace {

struct Shrink {
  template <class T>
  static T apply(T x, const double* p) {
    const double v = static_cast<double>(x), lambd = p[0], bias = p[1];
    const double y = v < -lambd ? v + bias : v > lambd ? v - bias : 0;
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<int64_t>(y));
    else
      return static_cast<T>(v != v ? v : y);
  }
};
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return make_unary<NumericTypes, Shrink>(n, 1, n.attrs.get_float("lambd", 0.5f), n.attrs.get_float("bias", 0));
}

constexpr DTypeSet kSet = kOldFloatSet | kIntSet;
constexpr AttrDef kAttrs[] = {float_attr("bias", 0), float_attr("lambd", 0.5)};
constexpr OpDef kOps[] = {unary_row_of("Shrink", 9, 0, kInput<kSet>, kOutput<kSet>, make_op, kAttrs)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::shrink
