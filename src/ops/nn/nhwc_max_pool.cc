// com.microsoft NhwcMaxPool: MaxPool of 8-bit integers with channels last: a window's rows of channels, elementwise.
#include <algorithm>
#include <limits>

#include "ops/channels_last.h"
#include "ops/nn/pool.h"

namespace tenon::ops::nhwc_max_pool {
namespace {

class NhwcMaxPool final : public Kernel {
 public:
  explicit NhwcMaxPool(const NodeInfo& info) : attrs_(info.attrs) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    PoolBox box(Window(attrs_, x.rank - 2), channels_first(x.dims()), channels_first(y.dims()));
    box.planes = x.dim[0];
    const int64_t channels = x.dim[x.rank - 1];
    const int64_t in_plane = element_count(box.in), out_plane = element_count(box.out);
    visit<TypeList<int8_t, uint8_t>>(y.dtype, [&]<class T>() {
      box.for_windows(c.par, [&](int64_t image, int64_t o, const Dims& at) {
        T* best = y.out<T>() + (image * out_plane + o) * channels;
        std::fill_n(best, channels, std::numeric_limits<T>::lowest());
        box.for_taps(at, [&](int64_t offset, const Dims&) {
          const T* row = x.as<T>() + (image * in_plane + offset) * channels;
          for (int64_t i = 0; i < channels; ++i) best[i] = std::max(best[i], row[i]);
        });
      });
    });
  }

 private:
  graph::Attrs attrs_;
};

void infer(InferContext& c) { infer_channels_last(c, 1, infer_pool); }

constexpr Port kIn[] = {{"x", kByteSet}}, kOut[] = {{"y", kByteSet}};
constexpr AttrDef kAttrs[] = {
    string_attr("auto_pad", "NOTSET"),           int_attr("ceil_mode", 0),
    optional_attr("dilations", AttrKind::kInts), required_attr("kernel_shape", AttrKind::kInts),
    optional_attr("pads", AttrKind::kInts),      optional_attr("strides", AttrKind::kInts)};
constexpr OpDef kOps[] = {{"NhwcMaxPool", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<NhwcMaxPool>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::nhwc_max_pool
