// GridSample: X interpolated at the positions of a grid, any number of spatial dims.
#include <limits>

#include "kernels/table.h"
#include "ops/grid_taps.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::grid_sample {
namespace {

void infer(InferContext& c) {
  const Rule rule(c.attrs());
  if (rule.mode != Mode::kNearest && !contains(kNumericSet | kBoolSet, c.dtype(0)))
    fail(ErrorCode::kNotImplemented, "mode linear and cubic for {}", dtype_name(c.dtype(0)));
  if (!c.has_rank(0) && !c.has_rank(1)) return c.set_unranked(0, c.dtype(0));
  const size_t rank = c.has_rank(0) ? c.rank(0) : c.rank(1);
  if (rank < 3) fail("X has rank {}, expected at least 3 (batch, channels, spatial dims)", rank);
  if (c.since() < 20 && rank != 4) fail("X has rank {}, expected 4", rank);
  expect_rank(c, 1, rank);
  int64_t taps = 1;
  for (size_t i = 2; i < rank; ++i) taps = std::min(taps * rule.taps_per_axis(), kMaxTaps + 1);
  if (taps > kMaxTaps) fail(ErrorCode::kNotImplemented, "X has {} spatial dims: too many for this mode", rank - 2);
  Dims out{c.has_rank(0) ? c.dims(0)[0] : c.dims(1)[0], c.has_rank(0) ? c.dims(0)[1] : c.fresh()};
  for (size_t i = 1; i + 1 < rank; ++i) out.push_back(c.has_rank(1) ? c.dims(1)[i] : c.fresh());
  if (c.has_rank(1)) {
    expect_equal(c, c.dims(1).back(), static_cast<int64_t>(rank) - 2, "last dim of grid and spatial dims of X");
    if (c.has_rank(0)) expect_equal(c, c.dims(1)[0], c.dims(0)[0], "batch of grid and X");
  }
  c.set(0, c.dtype(0), std::move(out));
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info) : rule_(info.attrs), table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    if (x.count == 0) fail("X {} is empty", to_string(x.dims()));
    if (rule_.mode == Mode::kNearest)
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
        for (int64_t k = 0; k < axes; ++k) t.add_axis(rule_, grid[p * axes + axes - 1 - k], x.dim[k + 2]);
        const int64_t n = p / out;
        for (int64_t ch = 0; ch < channels; ++ch) f(t, (n * channels + ch) * in, (n * channels + ch) * out + p % out);
      }
    });
  }

  Rule rule_;
  const kernels::KernelTable& table_;
};

template <DTypeSet T, DTypeSet G>
struct Ports {
  static constexpr Port kIn[] = {{"X", T, "T1"}, {"grid", G, "T2"}}, kOut[] = {{"Y", T, "T1"}};
};
constexpr AttrDef kAttrs16[] = {int_attr("align_corners", 0), string_attr("mode", "bilinear"),
                                string_attr("padding_mode", "zeros")};
constexpr AttrDef kAttrs20[] = {int_attr("align_corners", 0), string_attr("mode", "linear"),
                                string_attr("padding_mode", "zeros")};
struct MicrosoftPorts {
  static constexpr Port kIn[] = {{"X", kOldFloatSet, "T1"}, {"Grid", kOldFloatSet, "T1"}};
  static constexpr Port kOut[] = {{"Y", kOldFloatSet, "T2"}};
};
constexpr OpDef kMicrosoft = {
    .name = "GridSample", .domain = "com.microsoft", .attrs = kAttrs16, .infer = infer, .make = make<Kernel>};
constexpr OpDef kRow = {.name = "GridSample", .attrs = kAttrs20, .infer = infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {
    row_of<MicrosoftPorts>(kMicrosoft, 1, 0), row_of<Ports<kIr3Set, kOldFloatSet>>(kRow, 16, 19, kAttrs16),
    row_of<Ports<kIr3Set, kOldFloatSet>>(kRow, 20, 21), row_of<Ports<kIr4Set, kFloatSet>>(kRow, 22, 0)};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::grid_sample
