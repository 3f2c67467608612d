// GridSample: X interpolated at the positions of a grid, any number of spatial dims.
#include <cmath>
#include <limits>

#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::grid_sample {
namespace {

enum class Mode { kNearest, kLinear, kCubic };
enum class Padding { kZeros, kBorder, kReflection };
constexpr int64_t kMaxTaps = 256;

Mode read_mode(const graph::Attrs& attrs) {
  const std::string_view s = attrs.get_string("mode", "linear");
  if (s == "nearest") return Mode::kNearest;
  if (s == "linear" || s == "bilinear") return Mode::kLinear;
  if (s == "cubic" || s == "bicubic") return Mode::kCubic;
  fail("attribute mode: '{}' found, expected nearest, linear or cubic", s);
}
Padding read_padding(const graph::Attrs& attrs) {
  const std::string_view s = attrs.get_string("padding_mode", "zeros");
  if (s == "zeros") return Padding::kZeros;
  if (s == "border") return Padding::kBorder;
  if (s == "reflection") return Padding::kReflection;
  fail("attribute padding_mode: '{}' found, expected zeros, border or reflection", s);
}
int64_t taps_per_axis(Mode m) { return m == Mode::kNearest ? 1 : m == Mode::kLinear ? 2 : 4; }

void infer(InferContext& c) {
  const Mode mode = read_mode(c.attrs());
  read_padding(c.attrs());
  if (mode != Mode::kNearest && !contains(kNumericSet | kBoolSet, c.dtype(0)))
    fail(ErrorCode::kNotImplemented, "mode linear and cubic for {}", dtype_name(c.dtype(0)));
  if (!c.has_rank(0) && !c.has_rank(1)) return c.set_unranked(0, c.dtype(0));
  const size_t rank = c.has_rank(0) ? c.rank(0) : c.rank(1);
  if (rank < 3) fail("X has rank {}, expected at least 3 (batch, channels, spatial dims)", rank);
  if (c.since() < 20 && rank != 4) fail("X has rank {}, expected 4", rank);
  expect_rank(c, 1, rank);
  int64_t taps = 1;
  for (size_t i = 2; i < rank; ++i) taps = std::min(taps * taps_per_axis(mode), kMaxTaps + 1);
  if (taps > kMaxTaps) fail(ErrorCode::kNotImplemented, "X has {} spatial dims: too many for this mode", rank - 2);
  Dims out{c.has_rank(0) ? c.dims(0)[0] : c.dims(1)[0], c.has_rank(0) ? c.dims(0)[1] : c.fresh()};
  for (size_t i = 1; i + 1 < rank; ++i) out.push_back(c.has_rank(1) ? c.dims(1)[i] : c.fresh());
  if (c.has_rank(1)) {
    expect_equal(c, c.dims(1).back(), static_cast<int64_t>(rank) - 2, "last dim of grid and spatial dims of X");
    if (c.has_rank(0)) expect_equal(c, c.dims(1)[0], c.dims(0)[0], "batch of grid and X");
  }
  c.set(0, c.dtype(0), std::move(out));
}

/// x mirrored at low and high until it lies between them.
double reflect(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double d = x < low ? low - x : x > high ? x - high : -1;
  if (d < 0) return x;
  const double turns = std::floor(d / range), rest = d - turns * range;
  const bool even = std::fmod(turns, 2) == 0;
  return (x < low) == even ? low + rest : high - rest;
}

/// Offsets into a plane of X (-1: a zero) and weights of everything that one grid position sees.
struct Taps {
  int64_t count = 1;
  int64_t offset[kMaxTaps];
  double weight[kMaxTaps];

  Taps() { offset[0] = 0, weight[0] = 1; }
  void multiply(int64_t n, const int64_t* index, const double* w, int64_t extent) {
    for (int64_t t = n; t-- > 0;)
      for (int64_t i = 0; i < count; ++i) {
        offset[t * count + i] = offset[i] < 0 || index[t] < 0 ? -1 : offset[i] * extent + index[t];
        weight[t * count + i] = weight[i] * w[t];
      }
    count *= n;
  }
};

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : mode_(read_mode(info.attrs)),
        padding_(read_padding(info.attrs)),
        align_(info.attrs.get_int("align_corners", 0) != 0),
        table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    if (x.count == 0) fail("X {} is empty", to_string(x.dims()));
    if (mode_ == Mode::kNearest)
      return visit_size(x.dtype, [&]<class U>() {
        each(c, [&](const Taps& t, const int64_t from, int64_t to) {
          y.out<U>()[to] = t.offset[0] < 0 ? U() : x.as<U>()[from + t.offset[0]];
        });
      });
    if (is_single(x.dtype)) {
      const F32Result out(c, y, table_);
      const float* in = load_f32(c, 0, table_);
      each(c, [&](const Taps& t, int64_t from, int64_t to) { out.data()[to] = static_cast<float>(sum(t, in + from)); });
      return out.store(c);
    }
    visit<Join<NumericTypes, TypeList<bool>>>(x.dtype, [&]<class T>() {
      each(c, [&](const Taps& t, int64_t from, int64_t to) { y.out<T>()[to] = round_to<T>(sum(t, x.as<T>() + from)); });
    });
  }

 private:
  template <class T>
  static double sum(const Taps& t, const T* plane) {
    double s = 0;
    for (int64_t i = 0; i < t.count; ++i)
      if (t.offset[i] >= 0) s += t.weight[i] * static_cast<double>(plane[t.offset[i]]);
    return s;
  }
  template <class T>
  static T round_to(double v) {
    if constexpr (std::is_same_v<T, double>) return v;
    if constexpr (std::is_same_v<T, bool>) return v != 0;
    using L = std::numeric_limits<T>;
    return v <= static_cast<double>(L::lowest()) ? L::lowest()
           : v >= static_cast<double>(L::max())  ? L::max()
                                                 : static_cast<T>(v);
  }

  /// f(taps, offset of the plane in X, offset in Y) for every element of Y.
  template <class F>
  void each(KernelContext& c, F&& f) const {
    const TensorRef &x = c.input(0), &y = c.output(0);
    const double* grid = load_as<double>(c, 1, table_);
    const int64_t axes = x.rank - 2, channels = x.dim[1];
    const int64_t in = extent(x.dims(), 2, x.rank), out = extent(y.dims(), 2, y.rank);
    c.par.loop(x.dim[0] * out, 50 + 5.0 * static_cast<double>(channels), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        Taps t;
        for (int64_t k = 0; k < axes; ++k) add_axis(t, grid[p * axes + axes - 1 - k], x.dim[k + 2]);
        const int64_t n = p / out;
        for (int64_t ch = 0; ch < channels; ++ch) f(t, (n * channels + ch) * in, (n * channels + ch) * out + p % out);
      }
    });
  }

  /// Taps along one axis for the grid's coordinate, -1 .. 1 over the axis.
  void add_axis(Taps& t, double coordinate, int64_t n) const {
    const double last = static_cast<double>(n - 1), low = align_ ? 0 : -0.5, high = align_ ? last : last + 0.5;
    double x = align_ ? (coordinate + 1) / 2 * last : ((coordinate + 1) * static_cast<double>(n) - 1) / 2;
    if (!(std::abs(x) < 1e15)) x = -1e15;  // infinities and not-a-number: far outside
    if (mode_ == Mode::kNearest) x = std::nearbyint(x);
    if (x < low || x > high) {
      if (padding_ == Padding::kBorder) x = x < 0 ? 0 : last;
      if (padding_ == Padding::kReflection) x = reflect(x, low, high);
    }
    const double base = std::floor(x), r = x - base;
    int64_t index[4];
    double weight[4] = {1, 0, 0, 0};
    int64_t first = 0;
    if (mode_ == Mode::kLinear) {
      weight[0] = 1 - r, weight[1] = r;
    } else if (mode_ == Mode::kCubic) {
      constexpr double a = -0.75;
      const auto near = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
      const auto far = [](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
      weight[0] = far(r + 1), weight[1] = near(r), weight[2] = near(1 - r), weight[3] = far(2 - r);
      first = -1;
    }
    const int64_t count = taps_per_axis(mode_);
    for (int64_t k = 0; k < count; ++k) {
      double at = base + static_cast<double>(first + k);
      if (padding_ == Padding::kBorder) at = std::min(std::max(at, 0.0), last);
      if (padding_ == Padding::kReflection) at = std::trunc(reflect(at, low, high));
      index[k] = at >= 0 && at <= last ? static_cast<int64_t>(at) : -1;
    }
    t.multiply(count, index, weight, n);
  }

  Mode mode_;
  Padding padding_;
  bool align_;
  const kernels::KernelTable& table_;
};

constexpr Port kIn16[] = {{"X", kIr3Set, "T1"}, {"grid", kOldFloatSet, "T2"}};
constexpr Port kIn22[] = {{"X", kIr4Set, "T1"}, {"grid", kFloatSet, "T2"}};
constexpr Port kOut16[] = {{"Y", kIr3Set, "T1"}}, kOut22[] = {{"Y", kIr4Set, "T1"}};
constexpr AttrDef kAttrs16[] = {int_attr("align_corners", 0), string_attr("mode", "bilinear"),
                                string_attr("padding_mode", "zeros")};
constexpr AttrDef kAttrs20[] = {int_attr("align_corners", 0), string_attr("mode", "linear"),
                                string_attr("padding_mode", "zeros")};
constexpr OpDef kOps[] = {
    {"GridSample", "", 16, 19, kIn16, kOut16, kAttrs16, infer, make<Kernel>},
    {"GridSample", "", 20, 21, kIn16, kOut16, kAttrs20, infer, make<Kernel>},
    {"GridSample", "", 22, 0, kIn22, kOut22, kAttrs20, infer, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::grid_sample
