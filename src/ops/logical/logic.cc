// And, Or, Xor, Not on bool, with broadcasting.
#include "ops/map_rows.h"

namespace tenon::ops::logic {
namespace {

struct And {
  template <class T>
  static bool apply(T a, T b, const double*) {
    return a && b;
  }
  static int64_t derive(Symbols&, int64_t a, int64_t b) {
    if (a == 0 || b == 0) return 0;
    return a == 1 ? b : b == 1 || a == b ? a : kUndecided;
  }
};
struct Or {
  template <class T>
  static bool apply(T a, T b, const double*) {
    return a || b;
  }
  static int64_t derive(Symbols&, int64_t a, int64_t b) {
    if (a == 1 || b == 1) return 1;
    return a == 0 ? b : b == 0 || a == b ? a : kUndecided;
  }
};
struct Xor {
  template <class T>
  static bool apply(T a, T b, const double*) {
    return !a != !b;
  }
  static int64_t derive(Symbols&, int64_t a, int64_t b) {
    if (a == b) return 0;
    return is_symbol(a) || is_symbol(b) ? kUndecided : 1;
  }
};
struct Not {
  template <class T>
  static bool apply(T x, const double*) {
    return !x;
  }
};

// Read as bytes: a model's bool may hold any byte, not only 0 and 1.
template <class F>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return std::make_unique<const BinaryKernel>(binary_map<TypeList<uint8_t>, F>(DType::kUint8, 0.5), legacy_axis(n));
}
std::unique_ptr<const Kernel> make_not(const NodeInfo&) {
  return std::make_unique<const UnaryKernel>(unary_map<TypeList<uint8_t>, Not>(DType::kUint8, 0.3));
}

void infer_old(InferContext& c) { infer_legacy(c, DType::kBool); }
template <class F>
void infer_op(InferContext& c) {
  infer_broadcast(c);
  derive_binary(c, F::derive);
}
void infer_not(InferContext& c) {
  infer_like(c);
  derive_unary(c, [](Symbols&, int64_t a) { return is_symbol(a) ? kUndecided : int64_t{a == 0}; });
}

template <class F>
constexpr std::array<OpDef, 2> rows(const char* name) {
  return {{{name, "", 1, 6, kAB<kBoolSet>, kBoolC, kLegacy6, infer_old, make_op<F>, Lowering::kKernel, 3},
           {name, "", 7, 0, kAB<kBoolSet>, kBoolC, {}, infer_op<F>, make_op<F>, Lowering::kKernel, 3}}};
}
constexpr std::array<OpDef, 1> kNot = {
    {{"Not", "", 1, 0, kX<kBoolSet>, kY<kBoolSet>, {}, infer_not, make_not, Lowering::kKernel, 1}}};
constexpr auto kOps = joined(rows<And>("And"), rows<Or>("Or"), rows<Xor>("Xor"), kNot);

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::logic
