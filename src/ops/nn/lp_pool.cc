// LpPool: (sum |x|^p)^(1/p) over each window.
#include <cmath>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/move.h"
#include "ops/nn/pool.h"
#include "ops/staging.h"

namespace tenon::ops::lp_pool {
namespace {

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : attrs_(info.attrs),
        p_(info.since < 2 ? info.attrs.get_float("p", 2) : static_cast<double>(info.attrs.get_int("p", 2))),
        table_(kernels::kernels_for(info.isa)) {
    if (!(p_ > 0)) fail("attribute p: {} found, expected more than 0", p_);
  }

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    const PoolBox box(Window(attrs_, x.rank - 2), x.dims(), y.dims());
    if (y.dtype == DType::kDouble) return plain(box, c.par, x.as<double>(), y.out<double>());
    const F32Result out(c, y, table_);
    const float* in = load_f32(c, x, table_);
    if (box.in.size() <= kernels::kMaxSpatial && p_ == std::floor(p_) && p_ < 64)
      kernels::lp_pool(box.args(in, out.data()), static_cast<int64_t>(p_), c.par, table_);
    else
      plain(box, c.par, in, out.data());
    out.store(c);
  }

 private:
  template <class T>
  void plain(const PoolBox& box, const Parallel& par, const T* x, T* y) const {
    const int64_t in_plane = element_count(box.in), out_plane = element_count(box.out);
    box.for_windows(par, [&](int64_t plane, int64_t o, const Dims& at) {
      double sum = 0;
      box.for_taps(at, [&](int64_t offset, const Dims&) {
        sum += std::pow(std::abs(static_cast<double>(x[plane * in_plane + offset])), p_);
      });
      y[plane * out_plane + o] = static_cast<T>(std::pow(sum, 1 / p_));
    });
  }

  graph::Attrs attrs_;
  double p_;
  const kernels::KernelTable& table_;
};

/// Opset 1 calls kernel_shape optional, but gives no meaning to its absence.
void infer(InferContext& c) {
  if (c.attrs().get_ints("kernel_shape").empty()) fail("attribute kernel_shape is missing");
  infer_pool(c);
}

constexpr AttrDef kAttrs1[] = {string_attr("auto_pad", "NOTSET"), optional_attr("kernel_shape", AttrKind::kInts),
                               float_attr("p", 2), optional_attr("pads", AttrKind::kInts),
                               optional_attr("strides", AttrKind::kInts)};
constexpr AttrDef kAttrs2[] = {string_attr("auto_pad", "NOTSET"), required_attr("kernel_shape", AttrKind::kInts),
                               int_attr("p", 2), optional_attr("pads", AttrKind::kInts),
                               optional_attr("strides", AttrKind::kInts)};
constexpr AttrDef kAttrs18[] = {string_attr("auto_pad", "NOTSET"),
                                int_attr("ceil_mode", 0),
                                optional_attr("dilations", AttrKind::kInts),
                                required_attr("kernel_shape", AttrKind::kInts),
                                int_attr("p", 2),
                                optional_attr("pads", AttrKind::kInts),
                                optional_attr("strides", AttrKind::kInts)};
using Old = PoolPorts<kOldFloatSet>;
constexpr OpDef kRow = {.name = "LpPool", .attrs = kAttrs18, .infer = infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<Old>(kRow, 1, 1, kAttrs1), row_of<Old>(kRow, 2, 10, kAttrs2),
                          row_of<Old>(kRow, 11, 17, kAttrs2), row_of<Old>(kRow, 18, 21),
                          row_of<PoolPorts<kFloatSet>>(kRow, 22, 0)};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::lp_pool
