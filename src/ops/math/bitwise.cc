// BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot on integers, with broadcasting.
#include "ops/map_rows.h"

namespace tenon::ops::bitwise {
namespace {

struct And {
  template <class T>
  static T apply(T a, T b, const double*) {
    return static_cast<T>(a & b);
  }
};
struct Or {
  template <class T>
  static T apply(T a, T b, const double*) {
    return static_cast<T>(a | b);
  }
};
struct Xor {
  template <class T>
  static T apply(T a, T b, const double*) {
    return static_cast<T>(a ^ b);
  }
};
struct Not {
  template <class T>
  static T apply(T x, const double*) {
    return static_cast<T>(~x);
  }
};

template <class F>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  // The sign does not matter to these: one row per size.
  const DType t = n.dtype(0);
  BinaryMap m;
  switch (dtype_size(t)) {
    case 1:
      m = binary_map<UnsignedInts, F>(DType::kUint8, 0.5);
      break;
    case 2:
      m = binary_map<UnsignedInts, F>(DType::kUint16, 0.5);
      break;
    case 4:
      m = binary_map<UnsignedInts, F>(DType::kUint32, 0.5);
      break;
    default:
      m = binary_map<UnsignedInts, F>(DType::kUint64, 0.5);
  }
  return std::make_unique<const BinaryKernel>(m);
}
std::unique_ptr<const Kernel> make_not(const NodeInfo& n) { return make_unary<IntTypes, Not>(n, 0.5); }

template <class F>
constexpr OpDef row(const char* name) {
  return {name, "", 18, 0, kAB<kIntSet>, kC<kIntSet>, {}, infer_broadcast, make_op<F>, Lowering::kKernel, 3};
}
constexpr OpDef kOps[] = {row<And>("BitwiseAnd"), row<Or>("BitwiseOr"), row<Xor>("BitwiseXor"),
                          unary_row_of("BitwiseNot", 18, 0, kX<kIntSet>, kY<kIntSet>, make_not)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::bitwise
