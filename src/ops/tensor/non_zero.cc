// NonZero: [rank, n], one column of indices per element that is not zero, in row-major order.
#include "ops/move.h"

namespace tenon::ops::non_zero {
namespace {

void infer(InferContext& c) {
  const int64_t n = c.has_rank(0) ? c.fresh() : 0;
  if (!c.has_rank(0)) return c.set(0, DType::kInt64, {c.fresh(), c.fresh()});
  c.set(0, DType::kInt64, {std::max<int64_t>(1, static_cast<int64_t>(c.rank(0))), n});  // a scalar counts as [1]
}

template <class T>
bool is_set(const T& x) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return to_float(x) != 0;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return !x.empty();
  } else {
    return x != T{};
  }
}

struct NonZero final : Kernel {
  explicit NonZero(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    using Types =
        Join<NumericTypes, TypeList<bool, Half, BFloat16, std::string, std::complex<float>, std::complex<double>>>;
    visit<Types>(x.dtype, [&]<class T>() {
      const T* in = x.as<T>();
      int64_t n = 0;
      for (int64_t i = 0; i < x.count; ++i) n += is_set(in[i]);
      const int64_t rank = std::max<int64_t>(1, x.rank), dims[] = {rank, n};
      auto* out = c.output(0, DType::kInt64, dims).out<int64_t>();
      int64_t column = 0;
      Poll poll(c.par.cancel);
      for (int64_t i = 0; i < x.count; ++i) {
        poll(2);
        if (!is_set(in[i])) continue;
        poll(2 * rank);
        int64_t flat = i;
        if (x.rank == 0) out[column] = 0;
        for (int64_t k = static_cast<int64_t>(x.rank) - 1; k >= 0; --k) {
          out[k * n + column] = flat % x.dim[k];
          flat /= x.dim[k];
        }
        ++column;
      }
    });
  }
};

template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"X", T}}, kOut[] = {{"Y", kInt64Set, ""}};
};
constexpr OpDef kRow = {.name = "NonZero", .infer = infer, .make = make<NonZero>};
constexpr OpDef kOps[] = {row_of<Ports<kIr3Set>>(kRow, 9, 12), row_of<Ports<kIr4Set>>(kRow, 13, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::non_zero
