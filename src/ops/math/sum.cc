// Sum and Mean of one or more operands with broadcasting.
#include "ops/fold.h"

namespace tenon::ops::sum {
namespace {

struct Sum {
  template <class T>
  static T apply(T a, T b, const double*) {
    return a + b;
  }
};
struct Divide {
  template <class T>
  static T apply(T x, const double* p) {
    return x / static_cast<T>(p[0]);
  }
};

BinaryMap add(const NodeInfo& n) {
  return binary_map<TypeList<double>, Sum>(n.dtype(0), 0.4, kernels::Binary::kAdd, n.isa);
}
std::unique_ptr<const Kernel> make_sum(const NodeInfo& n) { return std::make_unique<const Fold>(add(n)); }
std::unique_ptr<const Kernel> make_mean(const NodeInfo& n) {
  UnaryMap last = unary_map<RealFloats, Divide>(n.dtype(0), 0.4);
  last.p[0] = static_cast<double>(n.inputs.size());
  return std::make_unique<const Fold>(add(n), last);
}

template <DTypeSet T>
struct SumPorts : FoldInputs<T> {
  static constexpr Port kOut[] = {{"sum", T}};
};
template <DTypeSet T>
struct MeanPorts : FoldInputs<T> {
  static constexpr Port kOut[] = {{"mean", T}};
};
template <template <DTypeSet> class P>
constexpr std::array<OpDef, 4> rows(const char* name, MakeKernel make) {
  const OpDef base = {.name = name, .infer = infer_broadcast, .make = make, .inplace = 3};
  return joined(old_fold_rows<P>(base, 12), std::array{row_of<P<kFloatSet>>(base, 13, 0)});
}
constexpr auto kOps = joined(rows<SumPorts>("Sum", make_sum), rows<MeanPorts>("Mean", make_mean));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::sum
