// com.microsoft CropAndResize: boxes of images, given in coordinates of 0 to 1 over the image, resized to one size.
// Values outside the image are extrapolation_value.
#include <cmath>

#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::crop_and_resize {
namespace {

enum In : size_t { kX, kRois, kBatch, kSize };

bool is_nearest(const graph::Attrs& attrs) {
  const std::string_view mode = attrs.get_string("mode", "bilinear");
  if (mode != "bilinear" && mode != "nearest") fail("mode is \"{}\", expected bilinear or nearest", mode);
  return mode == "nearest";
}

void infer(InferContext& c) {
  is_nearest(c.attrs());
  expect_rank(c, kX, 4);
  expect_rank(c, kRois, 2);
  expect_rank(c, kBatch, 1);
  if (c.has_rank(kSize)) expect_equal(c, c.sym.product(c.dims(kSize)), 2, "elements of crop_size and 2");
  if (c.has_rank(kRois)) {
    expect_equal(c, c.dims(kRois)[1], 4, "columns of rois and 4");
    if (c.has_rank(kBatch)) expect_equal(c, c.dims(kRois)[0], c.dims(kBatch)[0], "rows of rois and batch_indices");
  }
  Dims out{c.has_rank(kRois) ? c.dims(kRois)[0] : c.fresh(), c.has_rank(kX) ? c.dims(kX)[1] : c.fresh()};
  const auto size = c.ints(kSize);
  for (size_t i = 0; i < 2; ++i) {
    out.push_back(size ? (*size)[i] : c.fresh());
    if (size && !is_symbol(out.back()) && out.back() < 1) fail("crop_size has {}, expected at least 1", out.back());
  }
  limit_elements(out);
  c.set(0, c.dtype(kX), std::move(out));
}

class CropAndResize final : public FloatKernel<CropAndResize> {
 public:
  explicit CropAndResize(const NodeInfo& n)
      : FloatKernel(n), nearest_(is_nearest(n.attrs)), outside_(n.attrs.get_float("extrapolation_value", 0)) {}

  template <class T>
  void run_as(KernelContext& c) const {
    const TensorRef &x = c.input(kX), &y = c.output(0);
    if (y.count == 0) return;
    const ResultAs<T> out(c, y, table_);
    const T *in = load_as<T>(c, kX, table_), *rois = load_as<T>(c, kRois, table_);
    const int64_t channels = x.dim[1], height = x.dim[2], width = x.dim[3], rows = y.dim[2], columns = y.dim[3];
    const auto* batch = c.input(kBatch).as<int32_t>();
    for (int64_t r = 0; r < y.dim[0]; ++r)
      if (batch[r] < 0 || batch[r] >= x.dim[0])
        fail("batch_indices[{}] is {}, expected [0, {})", r, batch[r], x.dim[0]);
    c.par.loop(y.dim[0] * rows, static_cast<double>(columns * channels) * 3, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* roi = rois + i / rows * 4;  // y1 x1 y2 x2
        const T at_y = position(roi[0], roi[2], i % rows, rows, height);
        const T* image = in + batch[i / rows] * channels * height * width;
        T* to = out.data() + (i / rows * channels * rows + i % rows) * columns;
        for (int64_t j = 0; j < columns; ++j) {
          const T at_x = position(roi[1], roi[3], j, columns, width);
          const bool inside =
              at_y >= 0 && at_y <= static_cast<T>(height - 1) && at_x >= 0 && at_x <= static_cast<T>(width - 1);
          for (int64_t ch = 0; ch < channels; ++ch)
            to[ch * rows * columns + j] =
                inside ? sample(image + ch * height * width, width, at_y, at_x) : static_cast<T>(outside_);
        }
      }
    });
    out.store(c);
  }

 private:
  /// Of result i of n between the ends of a box, on an axis of `extent` values; one result is the middle of the box.
  template <class T>
  static T position(T from, T to, int64_t i, int64_t n, int64_t extent) {
    const T last = static_cast<T>(extent - 1);
    if (n == 1) return (from + to) * last / 2;
    return from * last + static_cast<T>(i) * ((to - from) * last / static_cast<T>(n - 1));
  }
  template <class T>
  T sample(const T* plane, int64_t width, T y, T x) const {
    if (nearest_) return plane[static_cast<int64_t>(std::round(y)) * width + static_cast<int64_t>(std::round(x))];
    const T top = std::floor(y), left = std::floor(x);
    const auto y0 = static_cast<int64_t>(top), y1 = static_cast<int64_t>(std::ceil(y)), x0 = static_cast<int64_t>(left),
               x1 = static_cast<int64_t>(std::ceil(x));
    const T *a = plane + y0 * width, *b = plane + y1 * width;
    const T above = a[x0] + (a[x1] - a[x0]) * (x - left), below = b[x0] + (b[x1] - b[x0]) * (x - left);
    return above + (below - above) * (y - top);
  }

  bool nearest_;
  float outside_;
};

constexpr DTypeSet kInt32Set = dtype_bit(DType::kInt32);
constexpr Port kIn[] = {{"X", kOldFloatSet, "T1"},
                        {"rois", kOldFloatSet, "T1"},
                        {"batch_indices", kInt32Set, "T2"},
                        {"crop_size", kInt32Set, "T2"}};
constexpr Port kOut[] = {{"Y", kOldFloatSet, "T1"}};
constexpr AttrDef kAttrs[] = {float_attr("extrapolation_value", 0), string_attr("mode", "bilinear")};
constexpr OpDef kOps[] = {{"CropAndResize", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<CropAndResize>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::crop_and_resize
