// Crop, which onnxruntime keeps in the ONNX domain up to opset 9: [N, C, H, W] without the borders (left, top, right,
// bottom), or a part of the size `scale` (height, width) from the left and top borders on.
#include "ops/move.h"

namespace tenon::ops::crop {
namespace {

struct Box {
  int64_t top, left, height, width;  ///< extents: -1 where the right and bottom borders say
  int64_t bottom = 0, right = 0;

  explicit Box(const graph::Attrs& attrs) {
    const auto border = attrs.get_ints("border"), scale = attrs.get_ints("scale");
    if (border.size() != 4)
      fail("attribute border has {} entries, expected 4 (left, top, right, bottom)", border.size());
    for (int64_t b : border)
      if (b < 0 || b > kMaxElements) fail("attribute border has {}, expected at least 0", b);
    left = border[0], top = border[1], right = border[2], bottom = border[3];
    height = width = -1;
    if (scale.empty()) return;
    if (scale.size() != 2 || scale[0] < 0 || scale[1] < 0 || scale[0] > kMaxElements || scale[1] > kMaxElements)
      fail("attribute scale: expected height and width");
    height = scale[0], width = scale[1];
  }
};

int64_t cropped(InferContext& c, int64_t n, int64_t first, int64_t size, int64_t last, const char* what) {
  if (is_symbol(n)) return size >= 0 ? size : c.sym.sub(n, first + last);
  const int64_t out = size >= 0 ? size : n - first - last;
  if (out < 0 || first + out > n)
    fail("{} is {}: too small for border {} and {}", what, n, first, size >= 0 ? size : last);
  return out;
}

void infer(InferContext& c) {
  const Box b(c.attrs());
  expect_rank(c, 0, 4);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  const Dims& d = c.dims(0);
  c.set(0, c.dtype(0),
        {d[0], d[1], cropped(c, d[2], b.top, b.height, b.bottom, "height"),
         cropped(c, d[3], b.left, b.width, b.right, "width")});
}

struct Crop final : Kernel {
  explicit Crop(const NodeInfo& n) : box(n.attrs) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    const int64_t height = x.dim[2], width = x.dim[3];
    StridedCopy copy;
    copy.loop(x.dim[0] * x.dim[1], height * width, y.dim[2] * y.dim[3]);
    copy.loop(y.dim[2], width, y.dim[3]);
    copy.loop(y.dim[3], 1, 1);
    copy.run(c.par, x.dtype, element(x.data, x.dtype, box.top * width + box.left), y.data);
  }
  Box box;
};

constexpr Port kIn[] = {{"input", kOldFloatSet}}, kOut[] = {{"output", kOldFloatSet}};
constexpr AttrDef kAttrs[] = {optional_attr("border", AttrKind::kInts), optional_attr("scale", AttrKind::kInts)};
constexpr OpDef kOps[] = {{"Crop", "", 1, 9, kIn, kOut, kAttrs, infer, make<Crop>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::crop
