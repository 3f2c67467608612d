// ImageScaler, which onnxruntime keeps in the ONNX domain up to opset 9: scale x + bias(channel), x [N, C, H, W].
#include "ops/infer.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::image_scaler {
namespace {

class ImageScaler final : public FloatMap<ImageScaler> {
 public:
  explicit ImageScaler(const NodeInfo& n)
      : FloatMap(n),
        scale_(n.attrs.get_float("scale", 1)),
        bias_(n.attrs.get_floats("bias").begin(), n.attrs.get_floats("bias").end()) {}

  template <class T>
  void compute(KernelContext& c, const T* x, T* y) const {
    const TensorRef& in = c.input(0);
    const int64_t channels = in.dim[1], plane = in.dim[2] * in.dim[3];
    const T scale = static_cast<T>(scale_);
    c.par.loop(in.dim[0] * channels, 0.5 * static_cast<double>(plane), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const T bias = static_cast<T>(bias_[static_cast<size_t>(p % channels)]);
        const T* from = x + p * plane;
        T* to = y + p * plane;
        each_element(plane, [=](int64_t i) { to[i] = scale * from[i] + bias; });
      }
    });
  }

 private:
  float scale_;
  std::vector<float> bias_;
};

void infer(InferContext& c) {
  expect_rank(c, 0, 4);
  const auto channels = static_cast<int64_t>(c.attrs().get_floats("bias").size());
  if (c.has_rank(0)) expect_equal(c, c.dims(0)[1], channels, "channels of the input and entries of attribute bias");
  c.set_type(0, c.type(0));
}

constexpr Port kIn[] = {{"input", kOldFloatSet}}, kOut[] = {{"output", kOldFloatSet}};
constexpr AttrDef kAttrs[] = {optional_attr("bias", AttrKind::kFloats), float_attr("scale", 1)};
constexpr OpDef kOps[] = {{"ImageScaler", "", 1, 9, kIn, kOut, kAttrs, infer, make<ImageScaler>, Lowering::kKernel, 1}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::image_scaler
