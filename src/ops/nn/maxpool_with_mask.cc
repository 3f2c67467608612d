// com.microsoft MaxpoolWithMask: MaxPool where a masked (0) position ends its row of the window, as onnxruntime does
// it; the first position of a plane is never masked.
#include <algorithm>
#include <limits>

#include "ops/nn/pool.h"

namespace tenon::ops::maxpool_with_mask {
namespace {

class MaxpoolWithMask final : public Kernel {
 public:
  explicit MaxpoolWithMask(const NodeInfo& info) : attrs_(info.attrs) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &mask = c.input(1), &y = c.output(0);
    if (y.count == 0) return;
    const PoolBox box(Window(attrs_, x.rank - 2), x.dims(), y.dims());
    const int64_t in_plane = element_count(box.in), out_plane = element_count(box.out);
    const int64_t channels = x.dim[1];
    const auto plane_of_mask = [&](int64_t plane) {  // a mask of one image or channel is that of all
      return plane / channels % mask.dim[0] * mask.dim[1] + plane % channels % mask.dim[1];
    };
    box.for_windows(c.par, [&](int64_t plane, int64_t o, const Dims& at) {
      const float* from = x.as<float>() + plane * in_plane;
      const int32_t* shown = mask.as<int32_t>() + plane_of_mask(plane) * in_plane;
      float best = std::numeric_limits<float>::lowest();
      int64_t row = -1;  // of X, and whether the window has left it
      bool over = false;
      box.for_taps(at, [&](int64_t offset, const Dims&) {
        const int64_t r = offset / box.in.back();
        if (r != row) over = false;
        row = r;
        over = over || (offset > 0 && shown[offset] == 0);
        if (!over && from[offset] > best) best = from[offset];
      });
      y.out<float>()[plane * out_plane + o] = best;
    });
  }

 private:
  graph::Attrs attrs_;
};

void infer(InferContext& c) {
  infer_pool(c);
  if (!c.has_rank(0) || !c.has_rank(1)) return;
  expect_rank(c, 1, c.rank(0));
  for (size_t i = 0; i < 2; ++i)
    if (differ(c.dims(1)[i], 1)) expect_equal(c, c.dims(0)[i], c.dims(1)[i], "batch and channels of X and mask");
  for (size_t i = 2; i < c.rank(0); ++i) expect_equal(c, c.dims(0)[i], c.dims(1)[i], "spatial dims of X and mask");
}

constexpr Port kIn[] = {{"X", kFloat32Set}, {"M", dtype_bit(DType::kInt32), ""}}, kOut[] = {{"Y", kFloat32Set}};
constexpr AttrDef kAttrs[] = {string_attr("auto_pad", "NOTSET"), optional_attr("kernel_shape", AttrKind::kInts),
                              optional_attr("pads", AttrKind::kInts), int_attr("storage_order", 0),
                              optional_attr("strides", AttrKind::kInts)};
constexpr OpDef kOps[] = {{"MaxpoolWithMask", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<MaxpoolWithMask>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::maxpool_with_mask
