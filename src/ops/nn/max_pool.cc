// MaxPool: largest value of each window, and where it was.
#include <limits>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/move.h"
#include "ops/nn/pool.h"
#include "ops/staging.h"

namespace tenon::ops::max_pool {
namespace {

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : attrs_(info.attrs),
        column_major_(info.attrs.get_int("storage_order", 0) != 0),
        table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    const PoolBox box(Window(attrs_, x.rank - 2), x.dims(), y.dims());
    int64_t* indices = c.has_output(1) ? c.output(1).out<int64_t>() : nullptr;
    if (y.dtype == DType::kFloat || is_half(y.dtype)) {
      const F32Result out(c, y, table_);
      const float* in = load_f32(c, x, table_);
      if (box.in.size() <= kernels::kMaxSpatial)
        kernels::max_pool(box.args(in, out.data()), indices, column_major_, c.par, table_);
      else
        plain(box, c.par, in, out.data(), indices);
      return out.store(c);
    }
    visit<TypeList<double, int8_t, uint8_t>>(y.dtype,
                                             [&]<class T>() { plain(box, c.par, x.as<T>(), y.out<T>(), indices); });
  }

 private:
  template <class T>
  void plain(const PoolBox& box, const Parallel& par, const T* x, T* y, int64_t* indices) const {
    const int64_t in_plane = element_count(box.in), out_plane = element_count(box.out);
    box.for_windows(par, [&](int64_t plane, int64_t o, const Dims& at) {
      T best =
          std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
      int64_t where = -1;
      box.for_taps(at, [&](int64_t offset, const Dims& position) {
        const T v = x[plane * in_plane + offset];
        if (where >= 0 && !(v > best || v != v)) return;
        if (best != best) return;  // the first NaN stays
        best = v;
        where = column_major_ ? column_major(box.in, position) : offset;
      });
      y[plane * out_plane + o] = best;
      if (indices) indices[plane * out_plane + o] = plane * in_plane + where;
    });
  }
  static int64_t column_major(const Dims& in, const Dims& position) {
    int64_t offset = 0;
    for (size_t i = in.size(); i-- > 0;) offset = offset * in[i] + position[i];
    return offset;
  }

  graph::Attrs attrs_;
  bool column_major_;
  const kernels::KernelTable& table_;
};

constexpr DTypeSet kSet12 = kOldFloatSet | kByteSet;
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"X", T}}, kOut[] = {{"Y", T}, {"Indices", kInt64Set, "I", PortUse::kOptional}};
};
constexpr AttrDef kAttrs1[] = {string_attr("auto_pad", "NOTSET"), required_attr("kernel_shape", AttrKind::kInts),
                               optional_attr("pads", AttrKind::kInts), optional_attr("strides", AttrKind::kInts)};
constexpr AttrDef kAttrs8[] = {string_attr("auto_pad", "NOTSET"), required_attr("kernel_shape", AttrKind::kInts),
                               optional_attr("pads", AttrKind::kInts), int_attr("storage_order", 0),
                               optional_attr("strides", AttrKind::kInts)};
constexpr AttrDef kAttrs10[] = {
    string_attr("auto_pad", "NOTSET"),           int_attr("ceil_mode", 0),
    optional_attr("dilations", AttrKind::kInts), required_attr("kernel_shape", AttrKind::kInts),
    optional_attr("pads", AttrKind::kInts),      int_attr("storage_order", 0),
    optional_attr("strides", AttrKind::kInts)};
constexpr OpDef kRow = {.name = "MaxPool", .attrs = kAttrs10, .infer = infer_pool, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<PoolPorts<kOldFloatSet>>(kRow, 1, 7, kAttrs1),
                          row_of<Ports<kOldFloatSet>>(kRow, 8, 9, kAttrs8),
                          row_of<Ports<kOldFloatSet>>(kRow, 10, 10),
                          row_of<Ports<kOldFloatSet>>(kRow, 11, 11),
                          row_of<Ports<kSet12>>(kRow, 12, 21),
                          row_of<Ports<kSet12 | kFloatSet>>(kRow, 22, 0)};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::max_pool
