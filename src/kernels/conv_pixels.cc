// Convolution with packed weights: rows of the product are output pixels, columns are output channels.
//
// A pixel's inputs are read in place through two offset tables (pixel, tap), so no im2col buffer exists. Where padding
// is needed, the input rows of a block of pixels are first copied into a zero-padded slab on the stack; stride and
// dilation only change the tables.
#include "kernels/conv_pixels.h"

#include <algorithm>
#include <limits>

#include "kernels/gemm.h"
#include "kernels/gemm_tasks.h"
#include "kernels/rows.h"
#include "kernels/table.h"

namespace tenon::kernels {
namespace {

constexpr int64_t kPixels = 192;            // tuning: rows of a block: kPixels x nr accumulators
constexpr int64_t kSlabFloats = 64 * 1024;  // tuning: 256 KB of stack, a quarter of a usual L2
constexpr int64_t kKc = 256;
constexpr double kTaskFlops = 6e6;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The convolution as three spatial dims (missing leading ones are 1) and how it is cut.
struct Plan {
  int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad[3];
  int64_t cg, og, k, in_plane, out_plane;
  bool padded;  // some tap of some pixel lies outside the input
  // A block of pixels: `rows` whole output rows, or a piece of `columns` of one row.
  int64_t rows, columns, blocks_per_row, blocks;
  int64_t channel_block, channel_blocks;

  Plan(const ConvShape& s, int64_t nr) {
    for (int d = 0; d < 3; ++d) {
      const int e = d - (3 - s.rank);
      in[d] = e < 0 ? 1 : s.in[e];
      out[d] = e < 0 ? 1 : s.out[e];
      kernel[d] = e < 0 ? 1 : s.kernel[e];
      stride[d] = e < 0 ? 1 : s.stride[e];
      dilation[d] = e < 0 ? 1 : s.dilation[e];
      pad[d] = e < 0 ? 0 : s.pad[e];
    }
    cg = s.in_channels / s.groups;
    og = s.out_channels / s.groups;
    k = cg * kernel[0] * kernel[1] * kernel[2];
    in_plane = in[0] * in[1] * in[2];
    out_plane = out[0] * out[1] * out[2];
    padded = false;
    for (int d = 0; d < 3; ++d)
      padded = padded || pad[d] > 0 || reach(d, out[d]) - pad[d] > in[d];  // tuning: choice of path
    const int64_t all_rows = out[0] * out[1];
    columns = out[2] <= kPixels ? out[2] : ceil_div(out[2], ceil_div(out[2], kPixels));  // tuning
    blocks_per_row = columns ? ceil_div(out[2], columns) : 0;                            // tuning
    rows =
        blocks_per_row == 1 ? std::clamp<int64_t>(kPixels / out[2], 1, std::max<int64_t>(all_rows, 1)) : 1;  // tuning
    if (padded) {
      while (rows > 1 && slab_floats() > kSlabFloats) --rows;                             // tuning
      while (columns > 1 && slab_floats() > kSlabFloats) columns = ceil_div(columns, 2);  // tuning
      blocks_per_row = columns ? ceil_div(out[2], columns) : 0;                           // tuning
    }
    if (rows > 1) rows = ceil_div(all_rows, ceil_div(all_rows, rows));  // tuning
    blocks = ceil_div(all_rows, rows) * blocks_per_row;
    const double flops = 2.0 * static_cast<double>(rows * columns) * static_cast<double>(k * nr);
    channel_block = nr * std::clamp<int64_t>(static_cast<int64_t>(kTaskFlops / std::max(flops, 1.0)), 1, 16);  // tuning
    channel_blocks = ceil_div(og, channel_block);
  }
  // Input positions that n output positions of dim d touch.
  int64_t reach(int d, int64_t n) const { return (n - 1) * stride[d] + (kernel[d] - 1) * dilation[d] + 1; }
  // Largest slab of a block: all depths when a block may cross from one depth to the next.
  int64_t slab_floats() const {
    const int64_t depths = out[0] == 1 || rows <= 1 ? 1 : std::min(out[0], ceil_div(rows - 1, out[1]) + 1);
    const int64_t height = depths > 1 ? out[1] : std::min(rows, out[1]);
    return cg * reach(0, depths) * reach(1, height) * reach(2, columns);
  }
};

// One block of pixels of one image and group.
class Block {
 public:
  Block(const Plan& p, const ConvArgs& a, const KernelTable& t) : p_(p), a_(a), t_(t) {}

  // `image` = batch index * groups + group.
  void enter(int64_t image, int64_t block) {
    if (image == image_ && block == block_) return;
    image_ = image;
    block_ = block;
    const int64_t row = block / p_.blocks_per_row * p_.rows, column = block % p_.blocks_per_row * p_.columns;
    const int64_t rows = std::min(p_.rows, p_.out[0] * p_.out[1] - row),
                  columns = std::min(p_.columns, p_.out[2] - column);
    m_ = rows * columns;
    first_ = row * p_.out[2] + column;
    const float* x = a_.x + image * p_.cg * p_.in_plane;
    int64_t origin[3] = {0, 0, 0};
    if (p_.padded) {
      const int64_t last = row + rows - 1;
      const int64_t d0 = row / p_.out[1], d1 = last / p_.out[1];
      const int64_t h0 = d0 == d1 ? row % p_.out[1] : 0, h1 = d0 == d1 ? last % p_.out[1] : p_.out[1] - 1;
      origin[0] = d0, origin[1] = h0, origin[2] = column;
      fill_slab(x, origin, p_.reach(0, d1 - d0 + 1), p_.reach(1, h1 - h0 + 1), p_.reach(2, columns));
      x_ = slab_;
    } else {
      x_ = x;
      height_ = p_.in[1];
      width_ = p_.in[2];
      plane_ = p_.in_plane;
    }
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t d = (row + r) / p_.out[1] - origin[0], h = (row + r) % p_.out[1] - origin[1];
      const int64_t base = (d * p_.stride[0] * height_ + h * p_.stride[1]) * width_;
      for (int64_t c = 0; c < columns; ++c) pixel_[r * columns + c] = base + (column + c - origin[2]) * p_.stride[2];
    }
  }

  // Output channels [c0, c1) of the block.
  void run(int64_t c0, int64_t c1) {
    const GemmTiles& tiles = *t_.gemm;
    const Epilogue& e = a_.epilogue;
    const int64_t group = image_ % a_.shape.groups;
    const size_t packed = packed_b_bytes(p_.k, p_.og, t_) / sizeof(float);
    const float* w = static_cast<const float*>(a_.packed_w) + static_cast<size_t>(group) * packed;
    const bool clamp = e.activation == Activation::kRelu || e.activation == Activation::kClip;
    const ActivationRow row = e.activation == Activation::kNone || clamp ? nullptr : activation_row(e.activation, t_);
    for (int64_t c = c0; c < c1; c += tiles.nr) {
      ConvPanel g;
      g.x = x_;
      g.pixel = pixel_;
      g.tap = tap_;
      g.m = m_;
      g.n = std::min<int64_t>(tiles.nr, p_.og - c);
      g.b_row = ceil_div(g.n, tiles.width) * tiles.width;
      g.acc = acc_;
      for (int64_t k0 = 0; k0 == 0 || k0 < p_.k; k0 += kKc) {
        g.k = std::min(kKc, p_.k - k0);
        g.b = w + c * p_.k + k0 * g.b_row;
        g.add = k0 > 0;
        fill_taps(k0, g.k);
        t_.conv->panel(g);
      }
      const int64_t channel = group * p_.og + c;
      const int64_t at = (image_ * p_.og + c) * p_.out_plane + first_;
      ConvStore s;
      s.acc = acc_;
      s.m = m_;
      s.n = g.n;
      s.y = a_.y + at;
      s.ld = p_.out_plane;
      s.bias = e.bias ? e.bias + channel : nullptr;
      s.residual = e.residual ? e.residual + at : nullptr;
      s.clamp = clamp;
      s.low = e.activation == Activation::kRelu ? 0.f : e.p0;
      s.high = e.activation == Activation::kRelu ? std::numeric_limits<float>::infinity() : e.p1;
      t_.conv->store(s);
      if (row)
        for (int64_t j = 0; j < s.n; ++j) row(s.y + j * s.ld, s.y + j * s.ld, m_, e.p0, e.p1);
    }
  }

 private:
  void fill_slab(const float* x, const int64_t* origin, int64_t depth, int64_t height, int64_t width) {
    height_ = height;
    width_ = width;
    plane_ = depth * height * width;
    const int64_t z0 = origin[0] * p_.stride[0] - p_.pad[0], y0 = origin[1] * p_.stride[1] - p_.pad[1],
                  x0 = origin[2] * p_.stride[2] - p_.pad[2];
    const int64_t before = std::clamp<int64_t>(-x0, 0, width), from = std::max<int64_t>(x0, 0);
    const int64_t count = std::clamp<int64_t>(p_.in[2] - from, 0, width - before);
    float* out = slab_;
    for (int64_t c = 0; c < p_.cg; ++c)
      for (int64_t z = z0; z < z0 + depth; ++z)
        for (int64_t y = y0; y < y0 + height; ++y, out += width) {
          const bool inside = z >= 0 && z < p_.in[0] && y >= 0 && y < p_.in[1];
          const float* row = inside ? x + c * p_.in_plane + (z * p_.in[1] + y) * p_.in[2] + from : x;
          t_.conv->pad_row(row, inside ? count : 0, inside ? before : 0, out, width);
        }
  }
  void fill_taps(int64_t k0, int64_t n) {
    const int64_t taps = p_.kernel[0] * p_.kernel[1] * p_.kernel[2], t = k0 % taps;
    int64_t c = k0 / taps, x = t % p_.kernel[2], y = t / p_.kernel[2] % p_.kernel[1],
            z = t / p_.kernel[2] / p_.kernel[1];
    for (int64_t i = 0; i < n; ++i) {
      tap_[i] = c * plane_ + (z * p_.dilation[0] * height_ + y * p_.dilation[1]) * width_ + x * p_.dilation[2];
      if (++x < p_.kernel[2]) continue;
      x = 0;
      if (++y < p_.kernel[1]) continue;
      y = 0;
      if (++z < p_.kernel[0]) continue;
      z = 0;
      ++c;
    }
  }

  const Plan& p_;
  const ConvArgs& a_;
  const KernelTable& t_;
  int64_t image_ = -1, block_ = -1, m_ = 0, first_ = 0;
  const float* x_ = nullptr;
  int64_t height_ = 1, width_ = 1, plane_ = 1;
  int64_t pixel_[kPixels], tap_[kKc];
  alignas(64) float acc_[(kPixels + 16) * kGemmMaxNr];  // the store reads whole vectors of pixels
  alignas(64) float slab_[kSlabFloats];
};

}  // namespace

bool packs_pixels(const ConvShape& s, const KernelTable& table) {
  const int64_t og = s.out_channels / s.groups;
  int64_t slab = s.in_channels / s.groups;  // for one pixel: conv_pixels can always cut blocks down to that
  for (int d = 0; d < s.rank; ++d) slab *= (s.kernel[d] - 1) * s.dilation[d] + 1;  // tuning: choice of path
  return s.in_channels != s.groups && og >= std::min(table.gemm->width, 8) &&
         slab <= kSlabFloats;  // tuning: choice of path
}

void conv_pixels(const ConvArgs& args, const Parallel& par, const KernelTable& table) {
  const ConvShape& s = args.shape;
  const Plan plan(s, table.gemm->nr);
  const int64_t images = s.batch * s.groups, each = plan.blocks * plan.channel_blocks;
  const double cost = 0.02 * static_cast<double>(plan.rows * plan.columns * std::min(plan.og, plan.channel_block)) *
                      static_cast<double>(plan.k) * (table.isa == Isa::kPortable ? 4 : 1);
  par.loop(images * each, cost, [&](int64_t t0, int64_t t1) {
    Block block(plan, args, table);
    for (int64_t t = t0; t < t1; ++t) {
      const int64_t c = t % plan.channel_blocks * plan.channel_block;
      block.enter(t / each, t % each / plan.channel_blocks);
      block.run(c, std::min(c + plan.channel_block, plan.og));
    }
  });
}

}  // namespace tenon::kernels
