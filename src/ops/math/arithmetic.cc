// Add, Sub, Mul with broadcasting; integers wrap around.
#include "ops/map_rows.h"

namespace tenon::ops::arithmetic {
namespace {

// Unsigned, and wide enough not to be promoted to int: overflow wraps.
template <class T>
using Wrapping = std::make_unsigned_t<std::conditional_t<(sizeof(T) < 4), int, T>>;

#define OPERATION(Name, op)                                                                \
  struct Name {                                                                            \
    template <class T>                                                                     \
    static T apply(T a, T b, const double*) {                                              \
      if constexpr (std::is_floating_point_v<T>) {                                         \
        return a op b;                                                                     \
      } else {                                                                             \
        return static_cast<T>(static_cast<Wrapping<T>>(a) op static_cast<Wrapping<T>>(b)); \
      }                                                                                    \
    }                                                                                      \
  };
OPERATION(Add, +)
OPERATION(Sub, -)
OPERATION(Mul, *)
#undef OPERATION

template <class F, kernels::Binary f>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return std::make_unique<const BinaryKernel>(
      binary_map<Join<TypeList<double>, IntTypes>, F>(n.dtype(0), 0.3, f, n.isa), legacy_axis(n));
}

void infer_old(InferContext& c) { infer_legacy(c, c.dtype(0)); }
template <int64_t (Symbols::*op)(int64_t, int64_t)>
void infer_op(InferContext& c) {
  infer_broadcast(c);
  derive_binary(c, [](Symbols& s, int64_t a, int64_t b) { return (s.*op)(a, b); });
}

constexpr DTypeSet kSet6 = kOldFloatSet | kWideSet, kSet13 = kFloatSet | kWideSet;
constexpr std::array<OpDef, 5> rows(const char* name, void (*infer)(InferContext&), MakeKernel make) {
  constexpr auto kKernel = Lowering::kKernel;
  return {{{name, "", 1, 5, kAB<kOldFloatSet>, kC<kOldFloatSet>, kLegacy1, infer_old, make, kKernel, 3},
           {name, "", 6, 6, kAB<kSet6>, kC<kSet6>, kLegacy6, infer_old, make, kKernel, 3},
           {name, "", 7, 12, kAB<kSet6>, kC<kSet6>, {}, infer, make, kKernel, 3},
           {name, "", 13, 13, kAB<kSet13>, kC<kSet13>, {}, infer, make, kKernel, 3},
           {name, "", 14, 0, kAB<kNumericSet>, kC<kNumericSet>, {}, infer, make, kKernel, 3}}};
}
constexpr auto kOps = joined(rows("Add", infer_op<&Symbols::add>, make_op<Add, kernels::Binary::kAdd>),
                             rows("Sub", infer_op<&Symbols::sub>, make_op<Sub, kernels::Binary::kSub>),
                             rows("Mul", infer_op<&Symbols::mul>, make_op<Mul, kernels::Binary::kMul>));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::arithmetic
