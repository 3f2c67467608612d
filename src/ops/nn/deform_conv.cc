// DeformConv: convolution whose taps are moved by offsets (linear interpolation, zero outside) and scaled by a mask.
#include <algorithm>
#include <cmath>

#include "kernels/table.h"
#include "ops/any_gemm.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/staging.h"
#include "ops/window.h"

namespace tenon::ops::deform_conv {
namespace {

enum In : size_t { kX, kW, kOffset, kB, kMask };
constexpr size_t kMaxAxes = 6;  // 2^axes neighbours of a point

int64_t group_attr(const graph::Attrs& attrs, const char* name) {
  const int64_t g = attrs.get_int(name, 1);
  if (g < 1) fail("attribute {}: {} found, expected at least 1", name, g);
  return g;
}

void infer(InferContext& c) {
  const int64_t groups = group_attr(c.attrs(), "group"), sets = group_attr(c.attrs(), "offset_group");
  if (!c.has_rank(kX) || !c.has_rank(kW)) return c.set_unranked(0, c.dtype(kX));
  const Dims x = c.dims(kX), w = c.dims(kW);
  if (x.size() < 3 || x.size() > kMaxAxes + 2)
    fail("X has rank {}, expected 3 to {} (batch, channels, spatial dims)", x.size(), kMaxAxes + 2);
  expect_rank(c, kW, x.size());
  expect_equal(c, x[1], c.sym.mul(w[1], groups), "channels of X and W dim 1 times group");
  if (!is_symbol(w[0]) && w[0] % groups != 0)
    fail("W has {} output channels, expected a multiple of group = {}", w[0], groups);
  if (!is_symbol(x[1]) && x[1] % sets != 0)
    fail("X has {} channels, expected a multiple of offset_group = {}", x[1], sets);
  const size_t axes = x.size() - 2;
  const Window window(c.attrs(), axes, std::span(w).subspan(2));
  int64_t taps = sets;
  for (int64_t k : window.kernel) taps = c.sym.mul(taps, k);
  Dims out{x[0], w[0]};
  for (size_t i = 0; i < axes; ++i) out.push_back(window.out(c, i, x[i + 2]));
  for (size_t i : {size_t{kOffset}, size_t{kMask}}) {
    expect_rank(c, i, x.size());
    if (!c.has_rank(i)) continue;
    const Dims& d = c.dims(i);
    expect_equal(c, d[0], x[0], "batch of X, offset and mask");
    expect_equal(c, d[1], i == kMask ? taps : c.sym.mul(taps, static_cast<int64_t>(axes)),
                 "channels of offset or mask");
    for (size_t k = 2; k < d.size(); ++k) expect_equal(c, d[k], out[k], "spatial dims of offset or mask and of Y");
  }
  expect_rank(c, kB, 1);
  if (c.has_rank(kB)) expect_equal(c, c.dims(kB)[0], w[0], "bias and output channels");
  limit_elements(out);
  c.set(0, c.dtype(kX), std::move(out));
}

/// One call: sizes, and loops over tiles of positions of Y whose samples are gathered and multiplied with W.
template <class T>
struct Run {
  const Window& w;
  Dims in, out;
  int64_t channels, sets, taps, positions, volume;
  const T *x, *offset, *mask;
  int64_t corners() const { return int64_t{1} << in.size(); }

  /// Elements of X and weights that sample (tap, position) of offset set `set` is made of.
  void neighbours(int64_t set, int64_t tap, int64_t position, int32_t* at, T* weight) const {
    const size_t axes = in.size();
    int64_t low[kMaxAxes];
    T part[kMaxAxes];
    int64_t p = position, t = tap;
    bool outside = false;
    for (size_t k = axes; k-- > 0;) {
      const T moved =
          offset[((set * taps + tap) * static_cast<int64_t>(axes) + static_cast<int64_t>(k)) * positions + position];
      const T centre = static_cast<T>(p % out[k] * w.stride[k] + t % w.kernel[k] * w.dilation[k] - w.begin[k]) + moved;
      p /= out[k];
      t /= w.kernel[k];
      if (!(centre > -1 && centre < static_cast<T>(in[k]))) {
        outside = true;
        continue;
      }
      const T floor = std::floor(centre);
      low[k] = static_cast<int64_t>(floor);
      part[k] = centre - floor;
    }
    const T scale = mask ? mask[(set * taps + tap) * positions + position] : T{1};
    for (int64_t c = 0; c < corners(); ++c) {
      int64_t index = 0;
      T product = scale;
      bool valid = !outside;
      for (size_t k = 0; valid && k < axes; ++k) {
        const int64_t high = c >> k & 1, i = low[k] + high;
        valid = i >= 0 && i < in[k];
        index = index * in[k] + i;
        product *= high ? part[k] : 1 - part[k];
      }
      at[c] = valid ? static_cast<int32_t>(index) : 0;
      weight[c] = valid ? product : T{0};
    }
  }
};

class Kernel final : public FloatKernel<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info)
      : FloatKernel(info),
        attrs_(info.attrs),
        groups_(group_attr(info.attrs, "group")),
        sets_(group_attr(info.attrs, "offset_group")) {}

  template <class T>
  void run_as(KernelContext& c) const {
    const TensorRef &x = c.input(kX), &weights = c.input(kW), &y = c.output(0);
    if (y.count == 0) return;
    const Window window(attrs_, x.rank - 2, weights.dims().subspan(2));
    const T *in = load_as<T>(c, x, table_), *w = load_as<T>(c, weights, table_);
    const T *offset = load_as<T>(c, kOffset, table_), *mask = load_as<T>(c, kMask, table_);
    const T* bias = load_as<T>(c, kB, table_);
    const ResultAs<T> result(c, y, table_);
    Run<T> r{window, Dims(x.dims().subspan(2)), Dims(y.dims().subspan(2)), x.dim[1], sets_, 0, 0, 0, in, offset, mask};
    r.taps = element_count(window.kernel), r.positions = element_count(r.out), r.volume = element_count(r.in);
    if (r.volume >= INT32_MAX) fail_limit("deform_conv_plane", "a plane of X has {} elements", r.volume);
    const int64_t rows = r.channels * r.taps, filters = y.dim[1];
    const int64_t tile = std::min(std::max<int64_t>((int64_t{1} << 20) / std::max<int64_t>(rows, 1), 16), r.positions);
    T* samples = c.scratch<T>(checked_mul(rows, tile));
    auto* at = c.scratch<int32_t>(checked_mul(sets_ * r.taps * r.corners(), tile));
    T* share = c.scratch<T>(sets_ * r.taps * r.corners() * tile);
    const int64_t offsets_per_image = sets_ * r.taps * static_cast<int64_t>(r.in.size()) * r.positions;
    for (int64_t n = 0; n < x.dim[0]; ++n) {
      r.x = in + n * r.channels * r.volume;
      r.offset = offset + n * offsets_per_image;
      r.mask = mask ? mask + n * sets_ * r.taps * r.positions : nullptr;
      for (int64_t first = 0; first < r.positions; first += tile) {
        const int64_t count = std::min(tile, r.positions - first);
        gather(c.par, r, first, count, at, share, samples);
        T* out = result.data() + n * filters * r.positions + first;
        for (int64_t g = 0; g < groups_; ++g) {
          kernels::GenericGemm<T> product;
          product.m = filters / groups_, product.n = count, product.k = rows / groups_;
          product.a = w + g * product.m * product.k, product.a_row = product.k;
          product.b = samples + g * product.k * count, product.b_row = count;
          product.c = out + g * product.m * r.positions, product.ldc = r.positions;
          any_gemm(product, c.par, table_);
        }
        for (int64_t m = 0; bias && m < filters; ++m)
          for (int64_t i = 0; i < count; ++i) out[m * r.positions + i] += bias[m];
      }
    }
    result.store(c);
  }

 private:
  /// samples[channel * taps + tap, position] for `count` positions from `first` on.
  template <class T>
  static void gather(const Parallel& par, const Run<T>& r, int64_t first, int64_t count, int32_t* at, T* share,
                     T* samples) {
    const int64_t corners = r.corners(), per_set = r.channels / r.sets;
    const double corner_cost = static_cast<double>(corners * count);
    par.loop(r.sets * r.taps, 5 * corner_cost, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t i = 0; i < count; ++i) {
          const int64_t slot = (row * count + i) * corners;
          r.neighbours(row / r.taps, row % r.taps, first + i, at + slot, share + slot);
        }
    });
    par.loop(r.channels * r.taps, corner_cost, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t channel = row / r.taps, set_row = channel / per_set * r.taps + row % r.taps;
        const T* plane = r.x + channel * r.volume;
        const int32_t* index = at + set_row * count * corners;
        const T* weight = share + set_row * count * corners;
        T* to = samples + row * count;
        if (corners == 4 && std::isfinite(plane[0])) {  // what lies outside is element 0 with weight 0
          for (int64_t i = 0; i < count; ++i, index += 4, weight += 4)
            to[i] = weight[0] * plane[index[0]] + weight[1] * plane[index[1]] + weight[2] * plane[index[2]] +
                    weight[3] * plane[index[3]];
          continue;
        }
        for (int64_t i = 0; i < count; ++i, index += corners, weight += corners) {
          T sum = 0;
          for (int64_t k = 0; k < corners; ++k)
            if (weight[k] != 0) sum += weight[k] * plane[index[k]];
          to[i] = sum;
        }
      }
    });
  }

  graph::Attrs attrs_;
  int64_t groups_, sets_;
};

template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {
      {"X", T}, {"W", T}, {"offset", T}, {"B", T, "T", PortUse::kOptional}, {"mask", T, "T", PortUse::kOptional}};
  static constexpr Port kOut[] = {{"Y", T}};
};
constexpr AttrDef kAttrs[] = {
    optional_attr("dilations", AttrKind::kInts),    int_attr("group", 1),
    optional_attr("kernel_shape", AttrKind::kInts), int_attr("offset_group", 1),
    optional_attr("pads", AttrKind::kInts),         optional_attr("strides", AttrKind::kInts)};
constexpr OpDef kRow = {.name = "DeformConv", .attrs = kAttrs, .infer = infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<Ports<kOldFloatSet>>(kRow, 19, 21), row_of<Ports<kFloatSet>>(kRow, 22, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::deform_conv
