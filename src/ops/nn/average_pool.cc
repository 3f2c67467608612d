// AveragePool: mean of each window, over the positions inside X or (count_include_pad) inside the padded X.
#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/move.h"
#include "ops/nn/pool.h"
#include "ops/staging.h"

namespace tenon::ops::average_pool {
namespace {

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : attrs_(info.attrs),
        include_pad_(info.attrs.get_int("count_include_pad", 0) != 0),
        table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    const PoolBox box(Window(attrs_, x.rank - 2), x.dims(), y.dims());
    if (y.dtype == DType::kDouble) return plain(box, c.par, x.as<double>(), y.out<double>());
    const F32Result out(c, y, table_);
    const float* in = load_f32(c, x, table_);
    if (box.in.size() <= kernels::kMaxSpatial)
      kernels::average_pool(box.args(in, out.data()), include_pad_, c.par, table_);
    else
      plain(box, c.par, in, out.data());
    out.store(c);
  }

 private:
  template <class T>
  void plain(const PoolBox& box, const Parallel& par, const T* x, T* y) const {
    const int64_t in_plane = element_count(box.in), out_plane = element_count(box.out);
    box.for_windows(par, [&](int64_t plane, int64_t o, const Dims& at) {
      T sum = 0;
      int64_t count = 0;
      box.for_taps(at, [&](int64_t offset, const Dims&) {
        sum += x[plane * in_plane + offset];
        ++count;
      });
      if (include_pad_) count = box.padded_positions(at);
      y[plane * out_plane + o] = count > 0 ? sum / static_cast<T>(count) : T{0};
    });
  }

  graph::Attrs attrs_;
  bool include_pad_;
  const kernels::KernelTable& table_;
};

constexpr AttrDef kAttrs1[] = {string_attr("auto_pad", "NOTSET"), required_attr("kernel_shape", AttrKind::kInts),
                               optional_attr("pads", AttrKind::kInts), optional_attr("strides", AttrKind::kInts)};
constexpr AttrDef kAttrs7[] = {string_attr("auto_pad", "NOTSET"), int_attr("count_include_pad", 0),
                               required_attr("kernel_shape", AttrKind::kInts), optional_attr("pads", AttrKind::kInts),
                               optional_attr("strides", AttrKind::kInts)};
constexpr AttrDef kAttrs10[] = {string_attr("auto_pad", "NOTSET"),      int_attr("ceil_mode", 0),
                                int_attr("count_include_pad", 0),       required_attr("kernel_shape", AttrKind::kInts),
                                optional_attr("pads", AttrKind::kInts), optional_attr("strides", AttrKind::kInts)};
constexpr AttrDef kAttrs19[] = {string_attr("auto_pad", "NOTSET"),
                                int_attr("ceil_mode", 0),
                                int_attr("count_include_pad", 0),
                                optional_attr("dilations", AttrKind::kInts),
                                required_attr("kernel_shape", AttrKind::kInts),
                                optional_attr("pads", AttrKind::kInts),
                                optional_attr("strides", AttrKind::kInts)};
using Old = PoolPorts<kOldFloatSet>;
constexpr OpDef kRow = {.name = "AveragePool", .attrs = kAttrs19, .infer = infer_pool, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<Old>(kRow, 1, 6, kAttrs1),    row_of<Old>(kRow, 7, 9, kAttrs7),
                          row_of<Old>(kRow, 10, 10, kAttrs10), row_of<Old>(kRow, 11, 18, kAttrs10),
                          row_of<Old>(kRow, 19, 21),           row_of<PoolPorts<kFloatSet>>(kRow, 22, 0)};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::average_pool
