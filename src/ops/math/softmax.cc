// Softmax and LogSoftmax along one axis; before opset 13 over the input flattened to two dims at `axis`.
#include <algorithm>
#include <cmath>

#include "kernels/reduce.h"
#include "kernels/table.h"
#include "ops/softmax_axis.h"
#include "ops/staging.h"

namespace tenon::ops::softmax {
namespace {

void softmax_double(const double* x, double* y, int64_t axis, int64_t inner, bool log) {
  double top = x[0], sum = 0;
  for (int64_t i = 0; i < axis; ++i) top = x[i * inner] > top || std::isnan(x[i * inner]) ? x[i * inner] : top;
  for (int64_t i = 0; i < axis; ++i) sum += std::exp(x[i * inner] - top);
  const double shift = log ? std::log(sum) : 0;
  for (int64_t i = 0; i < axis; ++i) {
    const double d = x[i * inner] - top;
    y[i * inner] = log ? d - shift : std::exp(d) / sum;
  }
}

template <bool kLog>
class Softmax final : public Kernel {
 public:
  explicit Softmax(const NodeInfo& n) : axis_(n.attrs, n.since), table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (x.count == 0) return;
    const SoftmaxRows rows(axis_, x.dims());
    if (x.dtype == DType::kDouble)
      return rows.each(c.par, 12, [&](int64_t at) {
        softmax_double(x.as<double>() + at, y.out<double>() + at, rows.n, rows.inner, kLog);
      });
    const F32Result out(c, y, table_);
    kernels::softmax(load_f32(c, x, table_), out.data(), rows.outer, rows.n, rows.inner, kLog, c.par, table_);
    out.store(c);
  }

 private:
  SoftmaxAxis axis_;
  const kernels::KernelTable& table_;
};

constexpr auto kOps =
    joined(softmax_rows("Softmax", make<Softmax<false>>), softmax_rows("LogSoftmax", make<Softmax<true>>));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::softmax
