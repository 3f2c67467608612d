// MaxRoiPool: largest value in each bin of regions [batch, x1, y1, x2, y2] whose corners are rounded to whole pixels.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::max_roi_pool {
namespace {

Dims pooled_shape(const graph::Attrs& attrs) {
  const Dims d(attrs.get_ints("pooled_shape"));
  constexpr int64_t kMax = int64_t{1} << 31;
  if (d.size() != 2 || d[0] < 1 || d[1] < 1 || d[0] > kMax || d[1] > kMax)
    fail("attribute pooled_shape: {} found, expected height and width in [1, {}]", to_string(d), kMax);
  return d;
}

void infer(InferContext& c) {
  const Dims pooled = pooled_shape(c.attrs());
  expect_rank(c, 0, 4);
  expect_rank(c, 1, 2);
  if (c.has_rank(1)) expect_equal(c, c.dims(1)[1], 5, "numbers of a region (batch and corners)");
  const Dims d{c.has_rank(1) ? c.dims(1)[0] : c.fresh(), c.has_rank(0) ? c.dims(0)[1] : c.fresh(), pooled[0],
               pooled[1]};
  limit_elements(d);
  c.set(0, c.dtype(0), d);
}

struct Span {
  int64_t begin, end;
};
/// Bins along one axis of a region from pixel `first` to `last`, both inside it.
struct Bins {
  int64_t first, pixels, count, extent;
  Bins(double low, double high, int64_t bins, int64_t extent) : count(bins), extent(extent) {
    // Regions come from untrusted numbers: far outside is as good as anywhere outside.
    const auto whole = [](double v) { return static_cast<int64_t>(std::round(std::clamp(v, -1e9, 1e9))); };
    first = std::isnan(low) ? 0 : whole(low);
    pixels = std::max<int64_t>((std::isnan(high) ? 0 : whole(high)) - first + 1, 1);
  }
  Span span(int64_t i) const {
    return {std::clamp<int64_t>(first + i * pixels / count, 0, extent),
            std::clamp<int64_t>(first + ((i + 1) * pixels + count - 1) / count, 0, extent)};
  }
};

class Kernel final : public FloatKernel<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info)
      : FloatKernel(info), scale_(static_cast<double>(info.attrs.get_float("spatial_scale", 1))) {}

  template <class T>
  void run_as(KernelContext& c) const {
    const TensorRef &x = c.input(0), &y = c.output(0);
    const T *in = load_as<T>(c, 0, table_), *rois = load_as<T>(c, 1, table_);
    const int64_t channels = x.dim[1], height = x.dim[2], width = x.dim[3], rows = y.dim[2], cols = y.dim[3];
    for (int64_t r = 0; r < y.dim[0]; ++r)
      if (const T b = rois[r * 5]; !(b >= 0 && b < static_cast<T>(x.dim[0])))
        fail("rois[{}] belongs to image {}, expected one of [0, {}]", r, b, x.dim[0] - 1);
    if (y.count == 0) return;
    const ResultAs<T> out(c, y, table_);
    // Where the bins of each region begin and end: rows, then columns.
    auto* spans = c.scratch<Span>(checked_mul(y.dim[0], rows + cols));
    for (int64_t r = 0; r < y.dim[0]; ++r) {
      const auto scaled = [&](int64_t k) { return static_cast<double>(rois[r * 5 + k]) * scale_; };
      const Bins h(scaled(2), scaled(4), rows, height), w(scaled(1), scaled(3), cols, width);
      for (int64_t p = 0; p < rows; ++p) spans[r * (rows + cols) + p] = h.span(p);
      for (int64_t q = 0; q < cols; ++q) spans[r * (rows + cols) + rows + q] = w.span(q);
    }
    c.par.loop(y.dim[0] * channels, static_cast<double>(height * width + rows * cols), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const Span *h = spans + i / channels * (rows + cols), *w = h + rows;
        const T* plane = in + (static_cast<int64_t>(rois[i / channels * 5]) * channels + i % channels) * height * width;
        T* to = out.data() + i * rows * cols;
        for (int64_t p = 0; p < rows; ++p)
          for (int64_t q = 0; q < cols; ++q) *to++ = largest(plane, width, h[p], w[q]);
      }
    });
    out.store(c);
  }

 private:
  /// 0 for an empty bin.
  template <class T>
  static T largest(const T* plane, int64_t width, const Span& h, const Span& w) {
    if (h.begin >= h.end || w.begin >= w.end) return T{0};
    T best = -std::numeric_limits<T>::infinity();
    bool nan = false;
    for (int64_t i = h.begin; i < h.end; ++i)
      for (int64_t j = w.begin; j < w.end; ++j) {
        const T v = plane[i * width + j];
        best = v > best ? v : best;
        nan |= v != v;
      }
    return nan ? std::numeric_limits<T>::quiet_NaN() : best;
  }

  double scale_;
};

template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"X", T}, {"rois", T}}, kOut[] = {{"Y", T}};
};
constexpr AttrDef kAttrs[] = {required_attr("pooled_shape", AttrKind::kInts), float_attr("spatial_scale", 1)};
constexpr OpDef kRow = {.name = "MaxRoiPool", .attrs = kAttrs, .infer = infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<Ports<kOldFloatSet>>(kRow, 1, 21), row_of<Ports<kFloatSet>>(kRow, 22, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::max_roi_pool
