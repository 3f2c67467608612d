// GlobalAveragePool, GlobalMaxPool, GlobalLpPool: one value per channel from all spatial positions.
#include <cmath>
#include <limits>

#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::global_pool {
namespace {

enum class Kind { kAverage, kMax, kLp };

void infer(InferContext& c) {
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  Dims d = c.dims(0);
  if (d.size() < 2) fail("X has rank {}, expected at least 2 (batch, channels, spatial dims)", d.size());
  for (size_t i = 2; i < d.size(); ++i) d[i] = 1;
  c.set(0, c.dtype(0), std::move(d));
}

template <Kind kKind>
class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info) : table_(kernels::kernels_for(info.isa)) {
    if constexpr (kKind == Kind::kLp) {
      p_ = info.since < 2 ? info.attrs.get_float("p", 2) : static_cast<double>(info.attrs.get_int("p", 2));
      if (!(p_ > 0)) fail("attribute p: {} found, expected more than 0", p_);
    }
  }

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    const int64_t planes = y.count, inner = planes > 0 ? x.count / planes : 0;
    if (y.dtype == DType::kDouble) return plain(c.par, x.as<double>(), y.out<double>(), planes, inner);
    const F32Result out(c, y, table_);
    const float* in = load_f32(c, x, table_);
    const int64_t dims[] = {planes, inner};
    const bool reduced[] = {false, true};
    if constexpr (kKind == Kind::kLp)
      plain(c.par, in, out.data(), planes, inner);
    else
      kernels::reduce(kKind == Kind::kMax ? kernels::Reduce::kMax : kernels::Reduce::kMean, in, dims, reduced,
                      out.data(), c.par, table_);
    out.store(c);
  }

 private:
  template <class T>
  void plain(const Parallel& par, const T* x, T* y, int64_t planes, int64_t inner) const {
    par.loop(planes, static_cast<double>(inner), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        double r = kKind == Kind::kMax ? -std::numeric_limits<double>::infinity() : 0;
        for (int64_t j = 0; j < inner; ++j) {
          const double v = static_cast<double>(x[i * inner + j]);
          if constexpr (kKind == Kind::kMax)
            r = v > r || v != v ? v : r;
          else if constexpr (kKind == Kind::kAverage)
            r += v;
          else
            r += std::pow(std::abs(v), p_);
        }
        if (kKind == Kind::kAverage) r /= static_cast<double>(inner);
        if (kKind == Kind::kLp) r = std::pow(r, 1 / p_);
        y[i] = static_cast<T>(r);
      }
    });
  }

  double p_ = 2;
  const kernels::KernelTable& table_;
};

constexpr Port kIn1[] = {{"X", kOldFloatSet}}, kIn22[] = {{"X", kFloatSet}};
constexpr Port kOut1[] = {{"Y", kOldFloatSet}}, kOut22[] = {{"Y", kFloatSet}};
constexpr AttrDef kFloatP[] = {float_attr("p", 2)}, kIntP[] = {int_attr("p", 2)};
constexpr OpDef kOps[] = {
    {"GlobalAveragePool", "", 1, 21, kIn1, kOut1, {}, infer, make<Kernel<Kind::kAverage>>},
    {"GlobalAveragePool", "", 22, 0, kIn22, kOut22, {}, infer, make<Kernel<Kind::kAverage>>},
    {"GlobalMaxPool", "", 1, 21, kIn1, kOut1, {}, infer, make<Kernel<Kind::kMax>>},
    {"GlobalMaxPool", "", 22, 0, kIn22, kOut22, {}, infer, make<Kernel<Kind::kMax>>},
    {"GlobalLpPool", "", 1, 1, kIn1, kOut1, kFloatP, infer, make<Kernel<Kind::kLp>>},
    {"GlobalLpPool", "", 2, 21, kIn1, kOut1, kIntP, infer, make<Kernel<Kind::kLp>>},
    {"GlobalLpPool", "", 22, 0, kIn22, kOut22, kIntP, infer, make<Kernel<Kind::kLp>>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::global_pool
