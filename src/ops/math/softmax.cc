// Softmax and LogSoftmax along one axis; before opset 13 over the input flattened to two dims at `axis`.
#include "kernels/reduce.h"
#include "kernels/table.h"
#include "ops/softmax_axis.h"
#include "ops/staging.h"

namespace tenon::ops::softmax {
namespace {

template <bool kLog>
class Softmax final : public Kernel {
 public:
  explicit Softmax(const NodeInfo& n) : axis_(n.attrs, n.since), table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (x.count == 0) return;
    const SoftmaxRows rows(axis_, x.dims());
    if (x.dtype == DType::kDouble)
      return softmax_double(x.as<double>(), y.out<double>(), rows.outer, rows.n, rows.inner, kLog, c.par);
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
