// Max and Min of one or more operands with broadcasting; NaN where any operand is NaN.
#include "ops/fold.h"

namespace tenon::ops::extremum {
namespace {

struct Max {
  template <class T>
  static T apply(T a, T b, const double*) {
    return a > b || a != a ? a : b;
  }
};
struct Min {
  template <class T>
  static T apply(T a, T b, const double*) {
    return a < b || a != a ? a : b;
  }
};

template <class F, kernels::Binary f>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  return std::make_unique<const Fold>(binary_map<Join<TypeList<double>, IntTypes>, F>(n.dtype(0), 0.4, f, n.isa));
}

template <int64_t (Symbols::*op)(int64_t, int64_t)>
void infer_op(InferContext& c) {
  infer_broadcast(c);
  const auto& type = c.result(0);
  if (!is_int(c.dtype(0)) || !type->has_rank) return;
  auto out = derived_broadcast(c, 0, type->dims);
  for (size_t k = 1; out && k < c.num_inputs(); ++k) {
    const auto next = derived_broadcast(c, k, type->dims);
    if (!next) return;
    for (size_t i = 0; i < out->size(); ++i) (*out)[i] = (c.sym.*op)((*out)[i], (*next)[i]);
  }
  if (out) c.set_ints(0, std::move(*out));
}

template <DTypeSet T>
struct MaxPorts : FoldInputs<T> {
  static constexpr Port kOut[] = {{"max", T}};
};
template <DTypeSet T>
struct MinPorts : FoldInputs<T> {
  static constexpr Port kOut[] = {{"min", T}};
};
template <template <DTypeSet> class P>
constexpr std::array<OpDef, 5> rows(const OpDef& base) {
  return joined(old_fold_rows<P>(base, 11),
                std::array{row_of<P<kOldNumericSet>>(base, 12, 12), row_of<P<kNumericSet>>(base, 13, 0)});
}
constexpr OpDef kMax = {
    .name = "Max", .infer = infer_op<&Symbols::max>, .make = make_op<Max, kernels::Binary::kMax>, .inplace = 3};
constexpr OpDef kMin = {
    .name = "Min", .infer = infer_op<&Symbols::min>, .make = make_op<Min, kernels::Binary::kMin>, .inplace = 3};
constexpr auto kOps = joined(rows<MaxPorts>(kMax), rows<MinPorts>(kMin));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::extremum
