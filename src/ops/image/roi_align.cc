// RoiAlign: average or maximum of bilinear samples in each bin of a region of interest.
#include <algorithm>
#include <cmath>

#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::roi_align {
namespace {

int64_t extent_attr(const graph::Attrs& attrs, const char* name) {
  const int64_t v = attrs.get_int(name, 1);
  if (v < 1 || v >= int64_t{1} << 31) fail("attribute {}: {} found, expected at least 1", name, v);
  return v;
}
bool read_max(const graph::Attrs& attrs) {
  const std::string_view mode = attrs.get_string("mode", "avg");
  if (mode != "avg" && mode != "max") fail("attribute mode: '{}' found, expected avg or max", mode);
  return mode == "max";
}
bool read_half_pixel(const graph::Attrs& attrs, int since) {
  if (since < 16) return false;
  const std::string_view mode = attrs.get_string("coordinate_transformation_mode", "half_pixel");
  if (mode != "half_pixel" && mode != "output_half_pixel")
    fail("attribute coordinate_transformation_mode: '{}' found, expected half_pixel or output_half_pixel", mode);
  return mode == "half_pixel";
}

void infer(InferContext& c) {
  read_max(c.attrs());
  read_half_pixel(c.attrs(), c.since());
  const int64_t ratio = c.attrs().get_int("sampling_ratio", 0);
  if (ratio < 0 || ratio > 1 << 16) fail("attribute sampling_ratio: {} found, expected 0 to 65536", ratio);
  expect_rank(c, 0, 4);
  expect_rank(c, 1, 2);
  expect_rank(c, 2, 1);
  int64_t rois = c.has_rank(1) ? c.dims(1)[0] : c.has_rank(2) ? c.dims(2)[0] : c.fresh();
  if (c.has_rank(1)) expect_equal(c, c.dims(1)[1], 4, "coordinates of a region");
  if (c.has_rank(2)) {
    expect_equal(c, rois, c.dims(2)[0], "entries of rois and batch_indices");
    if (is_symbol(rois)) rois = c.dims(2)[0];
  }
  c.set(0, c.dtype(0),
        {rois, c.has_rank(0) ? c.dims(0)[1] : c.fresh(), extent_attr(c.attrs(), "output_height"),
         extent_attr(c.attrs(), "output_width")});
}

/// Two neighbours and weights along one axis; weight 0 twice where the sample lies outside.
template <class T>
struct Sample {
  int64_t low, high;
  T w_low, w_high;

  Sample(T at, int64_t extent) {
    if (!(at >= -1 && at <= static_cast<T>(extent))) {
      low = high = 0, w_low = w_high = 0;
      return;
    }
    at = std::max(at, T{0});
    low = static_cast<int64_t>(at);
    if (low >= extent - 1) {
      low = high = extent - 1;
      at = static_cast<T>(low);
    } else {
      high = low + 1;
    }
    w_high = at - static_cast<T>(low);
    w_low = 1 - w_high;
  }
};

class Kernel final : public FloatKernel<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info)
      : FloatKernel(info),
        max_(read_max(info.attrs)),
        half_pixel_(read_half_pixel(info.attrs, info.since)),
        ratio_(info.attrs.get_int("sampling_ratio", 0)),
        scale_(info.attrs.get_float("spatial_scale", 1)) {}

  template <class T>
  void run_as(KernelContext& c) const {
    const TensorRef &x = c.input(0), &batch = c.input(2), &y = c.output(0);
    for (int64_t i = 0; i < batch.count; ++i)
      if (const int64_t b = batch.as<int64_t>()[i]; b < 0 || b >= x.dim[0])
        fail("batch_indices[{}] is {}, expected a value in [0, {}]", i, b, x.dim[0] - 1);
    if (y.count == 0) return;
    if (x.count == 0) fail("X {} is empty", to_string(x.dims()));
    const ResultAs<T> out(c, y, table_);
    const T *in = load_as<T>(c, 0, table_), *rois = load_as<T>(c, 1, table_);
    const int64_t channels = x.dim[1], plane = x.dim[2] * x.dim[3], bins = y.dim[2] * y.dim[3];
    c.par.loop(y.dim[0] * channels, 40.0 * static_cast<double>(bins), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t roi = r / channels, b = batch.as<int64_t>()[roi];
        region(in + (b * channels + r % channels) * plane, x.dim[2], x.dim[3], rois + roi * 4, out.data() + r * bins,
               y.dim[2], y.dim[3]);
      }
    });
    out.store(c);
  }

 private:
  /// All bins of one region in one channel.
  template <class T>
  void region(const T* x, int64_t height, int64_t width, const T* roi, T* y, int64_t rows, int64_t cols) const {
    const T shift = half_pixel_ ? T(0.5) : T{0}, scale = static_cast<T>(scale_);
    const T left = roi[0] * scale - shift, top = roi[1] * scale - shift;
    T w = roi[2] * scale - shift - left, h = roi[3] * scale - shift - top;
    if (!half_pixel_) w = std::max(w, T{1}), h = std::max(h, T{1});
    const T bin_w = w / static_cast<T>(cols), bin_h = h / static_cast<T>(rows);
    const int64_t grid_w = samples(bin_w), grid_h = samples(bin_h);
    for (int64_t p = 0; p < rows; ++p)
      for (int64_t q = 0; q < cols; ++q) {
        T sum = 0;
        bool first = true;
        for (int64_t i = 0; i < grid_h; ++i) {
          const Sample<T> v(
              top + static_cast<T>(p) * bin_h + (static_cast<T>(i) + T(0.5)) * bin_h / static_cast<T>(grid_h), height);
          const T *low = x + v.low * width, *high = x + v.high * width;
          for (int64_t j = 0; j < grid_w; ++j) {
            const Sample<T> u(
                left + static_cast<T>(q) * bin_w + (static_cast<T>(j) + T(0.5)) * bin_w / static_cast<T>(grid_w),
                width);
            const T a = v.w_low * u.w_low * low[u.low], b = v.w_low * u.w_high * low[u.high];
            const T d = v.w_high * u.w_low * high[u.low], e = v.w_high * u.w_high * high[u.high];
            if (max_) {  // ONNX takes the largest weighted corner, not the largest sample
              const T best = std::max(std::max(a, b), std::max(d, e));
              sum = first ? best : std::max(sum, best);
            } else {
              sum += a + b + d + e;
            }
            first = false;
          }
        }
        y[p * cols + q] = max_ ? sum : sum / static_cast<T>(std::max<int64_t>(grid_w * grid_h, 1));
      }
  }
  template <class T>
  int64_t samples(T bin) const {
    if (ratio_ > 0) return ratio_;
    // Not-a-number and huge regions come from untrusted coordinates.
    return bin > 0 && bin < T(1 << 16) ? static_cast<int64_t>(std::ceil(bin)) : 0;
  }

  bool max_, half_pixel_;
  int64_t ratio_;
  float scale_;
};

constexpr Port kIn10[] = {{"X", kOldFloatSet, "T1"}, {"rois", kOldFloatSet, "T1"}, {"batch_indices", kInt64Set, "T2"}};
constexpr Port kIn22[] = {{"X", kFloatSet, "T1"}, {"rois", kFloatSet, "T1"}, {"batch_indices", kInt64Set, "T2"}};
constexpr Port kOut10[] = {{"Y", kOldFloatSet, "T1"}}, kOut22[] = {{"Y", kFloatSet, "T1"}};
constexpr AttrDef kAttrs10[] = {string_attr("mode", "avg"), int_attr("output_height", 1), int_attr("output_width", 1),
                                int_attr("sampling_ratio", 0), float_attr("spatial_scale", 1)};
constexpr AttrDef kAttrs16[] = {string_attr("coordinate_transformation_mode", "half_pixel"),
                                string_attr("mode", "avg"),
                                int_attr("output_height", 1),
                                int_attr("output_width", 1),
                                int_attr("sampling_ratio", 0),
                                float_attr("spatial_scale", 1)};
constexpr OpDef kOps[] = {
    {"RoiAlign", "", 10, 15, kIn10, kOut10, kAttrs10, infer, make<Kernel>},
    {"RoiAlign", "", 16, 21, kIn10, kOut10, kAttrs16, infer, make<Kernel>},
    {"RoiAlign", "", 22, 0, kIn22, kOut22, kAttrs16, infer, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::roi_align
