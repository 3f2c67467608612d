// CumSum and CumProd along an axis; exclusive leaves out the element itself, reverse runs from the end.
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/map_rows.h"

namespace tenon::ops::cumulative {
namespace {

int64_t axis_of(const TensorRef& t) { return t.dtype == DType::kInt32 ? *t.as<int32_t>() : *t.as<int64_t>(); }

// Values are stored as S and accumulated as A (integers unsigned, so that they wrap).
template <class S, class A, bool kProduct>
void scan(const S* x, S* y, int64_t n, int64_t step, bool exclusive, Poll& poll) {
  const auto load = [](S v) {
    if constexpr (std::is_arithmetic_v<S>)
      return static_cast<A>(v);
    else
      return static_cast<A>(to_float(v));
  };
  const auto store = [](A v) {
    if constexpr (std::is_same_v<S, Half>)
      return to_half(static_cast<float>(v));
    else if constexpr (std::is_same_v<S, BFloat16>)
      return to_bfloat16(static_cast<float>(v));
    else
      return static_cast<S>(v);
  };
  A sum = kProduct ? 1 : 0;
  constexpr int64_t kPart = 1 << 18;
  for (int64_t part = 0; part < n; part += kPart) {
    const int64_t end = std::min(n, part + kPart);
    for (int64_t i = part; i < end; ++i) {
      const A v = load(x[i * step]);  // before the write: y may be x
      if (exclusive) y[i * step] = store(sum);
      sum = kProduct ? sum * v : sum + v;
      if (!exclusive) y[i * step] = store(sum);
    }
    poll(2 * (end - part));
  }
}

template <bool kProduct>
class Cumulative final : public Kernel {
 public:
  explicit Cumulative(const NodeInfo& n)
      : exclusive_(n.attrs.get_int("exclusive", 0) != 0), reverse_(n.attrs.get_int("reverse", 0) != 0) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (c.input(1).count != 1) fail("axis has {} elements, expected 1", c.input(1).count);
    const auto at = static_cast<size_t>(resolve_axis(axis_of(c.input(1)), x.rank));
    const int64_t n = x.dim[at], inner = extent(x.dims(), at + 1, x.rank), outer = extent(x.dims(), 0, at);
    if (x.count == 0) return;
    visit<Join<TypeList<float, double, Half, BFloat16>, TypeList<int32_t, int64_t, uint32_t, uint64_t>>>(
        x.dtype, [&]<class S>() {
          using A = typename Accumulator<S>::type;
          c.par.loop(outer * inner, 1.2 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
            Poll poll(c.par.cancel);
            for (int64_t r = begin; r < end; ++r) {
              const int64_t first = r / inner * n * inner + r % inner + (reverse_ ? (n - 1) * inner : 0);
              scan<S, A, kProduct>(x.as<S>() + first, y.out<S>() + first, n, reverse_ ? -inner : inner, exclusive_,
                                   poll);
            }
          });
        });
  }

 private:
  template <class S, bool = std::is_integral_v<S>>
  struct Accumulator {
    using type = double;
  };
  template <class S>
  struct Accumulator<S, true> {
    using type = std::make_unsigned_t<S>;
  };
  bool exclusive_, reverse_;
};

void infer(InferContext& c) {
  infer_like(c);
  if (c.is_computed(1)) return;  // the result's shape does not depend on it
  if (const auto axis = c.scalar_int(1); axis && !is_symbol(*axis) && c.has_rank(0)) resolve_axis(*axis, c.rank(0));
}

constexpr DTypeSet kSet11 = RealFloats::set | kWideSet, kSet14 = kFloatSet | kWideSet;
template <DTypeSet S>
constexpr Port kIn[] = {{"x", S}, {"axis", kIndexSet, "T2"}};
template <DTypeSet S>
constexpr Port kOut[] = {{"y", S}};
constexpr AttrDef kAttrs[] = {int_attr("exclusive", 0), int_attr("reverse", 0)};
constexpr auto kKernel = Lowering::kKernel;
constexpr OpDef kOps[] = {
    {"CumSum", "", 11, 13, kIn<kSet11>, kOut<kSet11>, kAttrs, infer, make<Cumulative<false>>, kKernel, 1},
    {"CumSum", "", 14, 0, kIn<kSet14>, kOut<kSet14>, kAttrs, infer, make<Cumulative<false>>, kKernel, 1},
    {"CumProd", "", 26, 0, kIn<kSet14>, kOut<kSet14>, kAttrs, infer, make<Cumulative<true>>, kKernel, 1},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::cumulative
