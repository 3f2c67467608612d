// BitShift, BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot on integers, with broadcasting.
#include "ops/map_rows.h"

namespace tenon::ops::bits {
namespace {

template <class T>
constexpr T kWidth = static_cast<T>(8 * sizeof(T));

// A shift by a negative amount or by the whole width leaves what the sign extends to: 0, or -1 to the right.
struct Left {
  template <class T>
  static T apply(T x, T y, const double*) {
    if (y < 0 || y >= kWidth<T>) return 0;
    return static_cast<T>(static_cast<uint64_t>(x) << y);
  }
};
struct Right {
  template <class T>
  static T apply(T x, T y, const double*) {
    if (y < 0 || y >= kWidth<T>) return x < 0 ? static_cast<T>(-1) : T(0);
    return static_cast<T>(x >> y);
  }
};
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
std::unique_ptr<const Kernel> make_shift(const NodeInfo& n) {
  const DType t = n.dtype(0);
  return std::make_unique<const BinaryKernel>(n.attrs.get_string("direction", "") == "LEFT"
                                                  ? binary_map<IntTypes, Left>(t, 0.7)
                                                  : binary_map<IntTypes, Right>(t, 0.7));
}
std::unique_ptr<const Kernel> make_not(const NodeInfo& n) { return make_unary<IntTypes, Not>(n, 0.5); }

void infer_shift(InferContext& c) {
  const std::string_view d = c.attrs().get_string("direction", "");
  if (d != "LEFT" && d != "RIGHT") fail("attribute direction is '{}', expected 'LEFT' or 'RIGHT'", d);
  infer_broadcast(c);
}

constexpr DTypeSet kUnsigned = UnsignedInts::set;
template <DTypeSet S>
constexpr Port kShiftIn[] = {{"X", S}, {"Y", S}};
template <DTypeSet S>
constexpr Port kShiftOut[] = {{"Z", S}};
constexpr AttrDef kDirection[] = {required_attr("direction", AttrKind::kString)};
constexpr auto kKernel = Lowering::kKernel;
constexpr OpDef kOps[] = {
    {"BitShift", "", 11, 27, kShiftIn<kUnsigned>, kShiftOut<kUnsigned>, kDirection, infer_shift, make_shift, kKernel,
     3},
    {"BitShift", "", 28, 0, kShiftIn<kIntSet>, kShiftOut<kIntSet>, kDirection, infer_shift, make_shift, kKernel, 3},
    {"BitwiseAnd", "", 18, 0, kAB<kIntSet>, kC<kIntSet>, {}, infer_broadcast, make_op<And>, kKernel, 3},
    {"BitwiseOr", "", 18, 0, kAB<kIntSet>, kC<kIntSet>, {}, infer_broadcast, make_op<Or>, kKernel, 3},
    {"BitwiseXor", "", 18, 0, kAB<kIntSet>, kC<kIntSet>, {}, infer_broadcast, make_op<Xor>, kKernel, 3},
    unary_row_of("BitwiseNot", 18, 0, kX<kIntSet>, kY<kIntSet>, make_not),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::bits
