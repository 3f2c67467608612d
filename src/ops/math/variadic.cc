// Max, Min, Sum, Mean of one or more operands with broadcasting. Max and Min give NaN where any operand is NaN.
#include <cstring>

#include "ops/map_rows.h"

namespace tenon::ops::variadic {
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

class Fold final : public Kernel {
 public:
  Fold(const BinaryMap& map, const UnaryMap& last) : map_(map), last_(last) {}
  void run(KernelContext& c) const override {
    TensorRef& out = c.output(0);
    const size_t n = c.num_inputs();
    if (n == 1) {
      if (out.count > 0) std::memmove(out.data, c.input(0).data, out.bytes());
      return;
    }
    // The result may lie in the memory of an operand that is read again after the first step.
    const void* saved = nullptr;
    for (size_t k = 2; k < n && !saved; ++k)
      if (c.input(k).data == out.data && out.count > 0) {
        char* copy = c.scratch(static_cast<int64_t>(out.bytes()));
        std::memcpy(copy, out.data, out.bytes());
        saved = copy;
      }
    map_.run(c.par, c.input(0), c.input(1), out);
    for (size_t k = 2; k < n; ++k) {
      TensorRef operand = c.input(k);
      if (saved && operand.data == out.data) operand.data = const_cast<void*>(saved);
      map_.run(c.par, out, operand, out);
    }
    if (last_.row) last_.run(c.par, out.data, out.data, out.count);
  }

 private:
  BinaryMap map_;
  UnaryMap last_;
};

template <class F, kernels::Binary f>
std::unique_ptr<const Kernel> make_op(const NodeInfo& n) {
  using Types = std::conditional_t<std::is_same_v<F, Sum>, TypeList<double>, Join<TypeList<double>, IntTypes>>;
  return std::make_unique<const Fold>(binary_map<Types, F>(n.dtype(0), 0.4, f, n.isa), UnaryMap());
}
std::unique_ptr<const Kernel> make_mean(const NodeInfo& n) {
  UnaryMap last = unary_map<RealFloats, Divide>(n.dtype(0), 0.4);
  last.p[0] = static_cast<double>(n.inputs.size());
  return std::make_unique<const Fold>(binary_map<TypeList<double>, Sum>(n.dtype(0), 0.4, kernels::Binary::kAdd, n.isa),
                                      last);
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

constexpr DTypeSet kSet12 = kOldFloatSet | kIntSet;
template <DTypeSet S>
constexpr Port kData[] = {{"data_0", S, "T", PortUse::kVariadic}};
template <DTypeSet S>
constexpr Port kMax[] = {{"max", S}};
template <DTypeSet S>
constexpr Port kMin[] = {{"min", S}};
template <DTypeSet S>
constexpr Port kSum[] = {{"sum", S}};
template <DTypeSet S>
constexpr Port kMean[] = {{"mean", S}};

constexpr OpDef row(const char* name, int since, int until, std::span<const Port> in, std::span<const Port> out,
                    void (*infer)(InferContext&), MakeKernel make) {
  return {name,
          "",
          since,
          until,
          in,
          out,
          since == 1 ? std::span<const AttrDef>(kConsumed) : std::span<const AttrDef>(),
          infer,
          make,
          Lowering::kKernel,
          3};
}
constexpr auto kMaxInfer = infer_op<&Symbols::max>;
constexpr auto kMinInfer = infer_op<&Symbols::min>;
constexpr MakeKernel kMakeMax = make_op<Max, kernels::Binary::kMax>, kMakeMin = make_op<Min, kernels::Binary::kMin>,
                     kMakeSum = make_op<Sum, kernels::Binary::kAdd>;
constexpr DTypeSet kF = kOldFloatSet;
constexpr OpDef kOps[] = {
    row("Max", 1, 5, kData<kF>, kMax<kF>, kMaxInfer, kMakeMax),
    row("Max", 6, 7, kData<kF>, kMax<kF>, kMaxInfer, kMakeMax),
    row("Max", 8, 11, kData<kF>, kMax<kF>, kMaxInfer, kMakeMax),
    row("Max", 12, 12, kData<kSet12>, kMax<kSet12>, kMaxInfer, kMakeMax),
    row("Max", 13, 0, kData<kNumericSet>, kMax<kNumericSet>, kMaxInfer, kMakeMax),
    row("Min", 1, 5, kData<kF>, kMin<kF>, kMinInfer, kMakeMin),
    row("Min", 6, 7, kData<kF>, kMin<kF>, kMinInfer, kMakeMin),
    row("Min", 8, 11, kData<kF>, kMin<kF>, kMinInfer, kMakeMin),
    row("Min", 12, 12, kData<kSet12>, kMin<kSet12>, kMinInfer, kMakeMin),
    row("Min", 13, 0, kData<kNumericSet>, kMin<kNumericSet>, kMinInfer, kMakeMin),
    row("Sum", 1, 5, kData<kF>, kSum<kF>, infer_broadcast, kMakeSum),
    row("Sum", 6, 7, kData<kF>, kSum<kF>, infer_broadcast, kMakeSum),
    row("Sum", 8, 12, kData<kF>, kSum<kF>, infer_broadcast, kMakeSum),
    row("Sum", 13, 0, kData<kFloatSet>, kSum<kFloatSet>, infer_broadcast, kMakeSum),
    row("Mean", 1, 5, kData<kF>, kMean<kF>, infer_broadcast, make_mean),
    row("Mean", 6, 7, kData<kF>, kMean<kF>, infer_broadcast, make_mean),
    row("Mean", 8, 12, kData<kF>, kMean<kF>, infer_broadcast, make_mean),
    row("Mean", 13, 0, kData<kFloatSet>, kMean<kFloatSet>, infer_broadcast, make_mean),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::variadic
