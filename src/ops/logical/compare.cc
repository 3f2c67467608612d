// Equal, Greater, Less, GreaterOrEqual, LessOrEqual, with broadcasting. Comparisons with NaN are false.
#include <string>

#include "ops/map_rows.h"

namespace tenon::ops::compare {
namespace {

// Signs of a - b that make the comparison true, where the difference's range tells.
template <bool kBelow, bool kSame, bool kAbove>
int64_t derive(Symbols& s, int64_t a, int64_t b) {
  if (a == b) return kSame;
  if (!is_symbol(a) && !is_symbol(b)) return a < b ? kBelow : kAbove;
  const int64_t difference = s.sub(a, b), low = s.lower_bound(difference), high = s.upper_bound(difference);
  if (low > 0) return kAbove;
  if (high < 0) return kBelow;
  if (low == 0 && kSame == kAbove) return kSame;
  if (high == 0 && kSame == kBelow) return kSame;
  return kUndecided;
}

#define COMPARISON(Name, op, below, same, above)                    \
  struct Name {                                                     \
    template <class T>                                              \
    static bool apply(const T& a, const T& b, const double*) {      \
      return a op b;                                                \
    }                                                               \
    static constexpr DeriveOp kDerive = derive<below, same, above>; \
  };
COMPARISON(Equal, ==, false, true, false)
COMPARISON(Greater, >, false, false, true)
COMPARISON(Less, <, true, false, false)
COMPARISON(GreaterOrEqual, >=, false, true, true)
COMPARISON(LessOrEqual, <=, true, true, false)
#undef COMPARISON

template <class F, class Types>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return std::make_unique<const BinaryKernel>(binary_map<Types, F>(n.dtype(0), 0.6), legacy_axis(n));
}

void infer_old(InferContext& c) { infer_legacy(c, DType::kBool); }
template <class F>
void infer_op(InferContext& c) {
  infer_compare(c);
  derive_binary(c, F::kDerive);
}

constexpr DTypeSet kSet9 = kOldFloatSet | kIntSet, kEqual1 = kBoolSet | kIndexSet, kEqual11 = kSet9 | kBoolSet,
                   kEqual13 = kNumericSet | kBoolSet, kEqual19 = kEqual13 | kStringSet;
constexpr OpDef row(const char* name, int since, int until, std::span<const Port> in, void (*infer)(InferContext&),
                    MakeKernel make) {
  return {name,
          "",
          since,
          until,
          in,
          kBoolC,
          since == 1 ? std::span<const AttrDef>(kLegacy6) : std::span<const AttrDef>(),
          infer,
          make,
          Lowering::kKernel,
          0};
}
template <class F>
constexpr std::array<OpDef, 4> ordered_rows(const char* name) {
  constexpr MakeKernel make = make_op<F, NumericTypes>;
  return {row(name, 1, 6, kAB<kOldFloatSet>, infer_old, make), row(name, 7, 8, kAB<kOldFloatSet>, infer_op<F>, make),
          row(name, 9, 12, kAB<kSet9>, infer_op<F>, make), row(name, 13, 0, kAB<kNumericSet>, infer_op<F>, make)};
}
template <class F>
constexpr std::array<OpDef, 2> or_equal_rows(const char* name) {
  constexpr MakeKernel make = make_op<F, NumericTypes>;
  return {row(name, 12, 15, kAB<kSet9>, infer_op<F>, make), row(name, 16, 0, kAB<kNumericSet>, infer_op<F>, make)};
}
constexpr MakeKernel kMakeEqual = make_op<Equal, Join<NumericTypes, TypeList<bool, std::string>>>;
constexpr std::array<OpDef, 5> kEqual = {row("Equal", 1, 6, kAB<kEqual1>, infer_old, kMakeEqual),
                                         row("Equal", 7, 10, kAB<kEqual1>, infer_op<Equal>, kMakeEqual),
                                         row("Equal", 11, 12, kAB<kEqual11>, infer_op<Equal>, kMakeEqual),
                                         row("Equal", 13, 18, kAB<kEqual13>, infer_op<Equal>, kMakeEqual),
                                         row("Equal", 19, 0, kAB<kEqual19>, infer_op<Equal>, kMakeEqual)};
constexpr auto kOps =
    joined(kEqual, ordered_rows<Greater>("Greater"), ordered_rows<Less>("Less"),
           or_equal_rows<GreaterOrEqual>("GreaterOrEqual"), or_equal_rows<LessOrEqual>("LessOrEqual"));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::compare
