// Convolution: choice of the path, the general one (weights times packed image panels), and transposed convolution.
#include "kernels/conv.h"

#include <algorithm>
#include <limits>

#include "kernels/conv_pixels.h"
#include "kernels/gemm_tasks.h"
#include "kernels/rows.h"
#include "kernels/table.h"

namespace tenon::kernels {
namespace {

int64_t volume(int rank, const int64_t* d) {
  int64_t v = 1;
  for (int i = 0; i < rank; ++i) v *= d[i];
  return v;
}

struct Grid {  // three dims, the missing leading ones filled
  int64_t d[3];
  Grid(int rank, const int64_t* v, int64_t fill) {
    for (int i = 0; i < 3; ++i) d[i] = i < 3 - rank ? fill : v[i - (3 - rank)];
  }
  int64_t operator[](int i) const { return d[i]; }
};

// Packs panels of the matrix [cg * taps, out positions] whose product with the weights is the convolution.
class ImagePacker {
 public:
  ImagePacker(const ConvShape& s, int width)
      : in_(s.rank, s.in, 1),
        out_(s.rank, s.out, 1),
        kernel_(s.rank, s.kernel, 1),
        stride_(s.rank, s.stride, 1),
        dilation_(s.rank, s.dilation, 1),
        pad_(s.rank, s.pad, 0),
        width_(width) {}

  void pack(const float* x, int64_t k0, int64_t kc, int64_t n0, int64_t n, float* dst) const {
    const int64_t width = (n + width_ - 1) / width_ * width_, taps = kernel_[0] * kernel_[1] * kernel_[2];
    const int64_t plane = in_[0] * in_[1] * in_[2];
    for (int64_t p = k0; p < k0 + kc; ++p, dst += width) {
      const int64_t t = p % taps;
      const float* channel = x + p / taps * plane;
      for (int64_t j = 0; j < n;) {  // runs of one output row
        const int64_t o = n0 + j, ox = o % out_[2], run = std::min(n - j, out_[2] - ox);
        const int64_t z = at(0, o / out_[2] / out_[1], t / kernel_[2] / kernel_[1]);
        const int64_t y = at(1, o / out_[2] % out_[1], t / kernel_[2] % kernel_[1]);
        if (z < 0 || z >= in_[0] || y < 0 || y >= in_[1])
          std::fill(dst + j, dst + j + run, 0.f);
        else
          copy_run(channel + (z * in_[1] + y) * in_[2], at(2, ox, t % kernel_[2]), run, dst + j);
        j += run;
      }
      std::fill(dst + n, dst + width, 0.f);
    }
  }

 private:
  int64_t at(int d, int64_t o, int64_t tap) const { return o * stride_[d] - pad_[d] + tap * dilation_[d]; }
  void copy_run(const float* row, int64_t x, int64_t n, float* dst) const {
    const int64_t s = stride_[2], limit = in_[2];
    const int64_t lo = std::clamp<int64_t>((s - 1 - x) / s, 0, n);  // first position inside
    const int64_t hi = std::clamp((limit - x + s - 1) / s, lo, n);  // and the end of them
    std::fill(dst, dst + lo, 0.f);
    if (s == 1)
      std::copy(row + x + lo, row + x + hi, dst + lo);
    else
      for (int64_t i = lo; i < hi; ++i) dst[i] = row[x + i * s];
    std::fill(dst + hi, dst + n, 0.f);
  }

  Grid in_, out_, kernel_, stride_, dilation_, pad_;
  int width_;
};

// The image is the second operand of a product as it lies.
bool is_pointwise(const ConvShape& s) {
  for (int d = 0; d < s.rank; ++d)
    if (s.kernel[d] != 1 || s.stride[d] != 1 || s.pad[d] != 0 || s.in[d] != s.out[d])
      return false;  // tuning: choice of path
  return true;
}

void conv_gemm(const ConvArgs& a, const Parallel& par, const KernelTable& table) {
  const ConvShape& s = a.shape;
  const int64_t in = in_volume(s), out = out_volume(s), taps = kernel_volume(s);
  const int64_t cg = s.in_channels / s.groups, og = s.out_channels / s.groups;
  const bool pointwise = is_pointwise(s);
  GemmArgs shape;
  shape.m = og;
  shape.n = out;
  shape.k = cg * taps;
  shape.a_row = shape.k;
  shape.b_row = in;
  shape.ldc = out;
  shape.epilogue = a.epilogue;
  shape.epilogue.bias_kind = a.epilogue.bias ? BiasKind::kPerRow : BiasKind::kNone;
  shape.epilogue.residual_ld = out;
  const ImagePacker image(s, table.gemm->width);
  const GemmTasks tasks(shape, !pointwise, table);
  const int64_t each = tasks.count();
  if (each == 0) return;
  par.loop(s.batch * s.groups * each, tasks.cost(), [&](int64_t t0, int64_t t1) {
    for (int64_t t = t0; t < t1; ++t) {
      const int64_t i = t / each, group = i % s.groups;
      GemmArgs g = shape;
      g.a = a.w + group * og * shape.k;
      g.b = a.x + i * cg * in;
      g.c = a.y + i * og * out;
      if (g.epilogue.bias) g.epilogue.bias += group * og;
      if (g.epilogue.residual) g.epilogue.residual += i * og * out;
      auto pack = [&](int64_t k0, int64_t kc, int64_t n0, int64_t n, float* dst) {
        image.pack(g.b, k0, kc, n0, n, dst);
      };
      const PanelPacker packer = pack;
      tasks.run(g, t - i * each, &packer);
    }
  });
}

constexpr int64_t kColumnFloats = 1 << 20;  // of a transposed convolution, at a time

int64_t transpose_chunk(const ConvShape& s) {  // output channels at a time
  const int64_t og = s.out_channels / s.groups, one = in_volume(s) * kernel_volume(s);
  return std::clamp<int64_t>(kColumnFloats / std::max<int64_t>(one, 1), 1, std::max<int64_t>(og, 1));  // tuning
}

// y += the taps of one output channel, each a plane of the input's extents.
void add_columns(const ConvShape& s, const float* columns, float* y) {
  const Grid in(s.rank, s.in, 1), out(s.rank, s.out, 1), kernel(s.rank, s.kernel, 1), stride(s.rank, s.stride, 1),
      dilation(s.rank, s.dilation, 1), pad(s.rank, s.pad, 0);
  for (int64_t a = 0; a < kernel[0]; ++a)
    for (int64_t b = 0; b < kernel[1]; ++b)
      for (int64_t c = 0; c < kernel[2]; ++c)
        for (int64_t z = 0; z < in[0]; ++z)
          for (int64_t r = 0; r < in[1]; ++r, columns += in[2]) {
            const int64_t oz = z * stride[0] - pad[0] + a * dilation[0], oy = r * stride[1] - pad[1] + b * dilation[1];
            if (oz < 0 || oz >= out[0] || oy < 0 || oy >= out[1]) continue;
            const int64_t x = c * dilation[2] - pad[2], st = stride[2];
            const int64_t lo = std::clamp<int64_t>((st - 1 - x) / st, 0, in[2]);
            const int64_t hi = std::clamp((out[2] - x + st - 1) / st, lo, in[2]);
            float* row = y + (oz * out[1] + oy) * out[2] + x;
            for (int64_t i = lo; i < hi; ++i) row[i * st] += columns[i];
          }
}

}  // namespace

int64_t out_volume(const ConvShape& s) { return volume(s.rank, s.out); }
int64_t in_volume(const ConvShape& s) { return volume(s.rank, s.in); }
int64_t kernel_volume(const ConvShape& s) { return volume(s.rank, s.kernel); }

size_t conv_packed_bytes(const ConvShape& s, const KernelTable& table) {
  if (!packs_pixels(s, table)) return 0;
  const int64_t k = s.in_channels / s.groups * kernel_volume(s);
  return static_cast<size_t>(s.groups) * packed_b_bytes(k, s.out_channels / s.groups, table);
}

void conv_pack(const ConvShape& s, const float* w, void* dst, const KernelTable& table) {
  if (!packs_pixels(s, table)) return;
  const int64_t k = s.in_channels / s.groups * kernel_volume(s), og = s.out_channels / s.groups;
  for (int64_t g = 0; g < s.groups; ++g)
    pack_b(w + g * og * k, 1, k, k, og, static_cast<char*>(dst) + static_cast<size_t>(g) * packed_b_bytes(k, og, table),
           table);
}

void conv(const ConvArgs& args, const Parallel& par, const KernelTable& table) {
  if (depthwise_fits(args.shape)) return conv_depthwise(args, par, table);
  if (args.packed_w && packs_pixels(args.shape, table)) return conv_pixels(args, par, table);
  conv_gemm(args, par, table);
}

size_t conv_transpose_scratch(const ConvShape& s) {
  return static_cast<size_t>(transpose_chunk(s) * in_volume(s) * kernel_volume(s)) * sizeof(float);
}

void conv_transpose(const ConvArgs& a, void* scratch, const Parallel& par, const KernelTable& table) {
  const ConvShape& s = a.shape;
  const int64_t in = in_volume(s), out = out_volume(s), taps = kernel_volume(s);
  const int64_t cg = s.in_channels / s.groups, og = s.out_channels / s.groups, chunk = transpose_chunk(s);
  const Epilogue& e = a.epilogue;
  float* columns = static_cast<float*>(scratch);
  for (int64_t i = 0; i < s.batch * s.groups; ++i)
    for (int64_t o = 0; o < og; o += chunk) {
      const int64_t count = std::min(chunk, og - o), group = i % s.groups;
      GemmArgs g;
      g.m = count * taps;
      g.n = in;
      g.k = cg;
      g.a = a.w + group * cg * og * taps + o * taps;
      g.a_row = 1;
      g.a_col = og * taps;
      g.b = a.x + i * cg * in;
      g.b_row = in;
      g.c = columns;
      g.ldc = in;
      gemm(g, par, table);
      par.loop(count, static_cast<double>(taps * in + out), [&](int64_t c0, int64_t c1) {
        for (int64_t c = c0; c < c1; ++c) {
          const int64_t plane = i * og + o + c;
          float* y = a.y + plane * out;
          std::fill(y, y + out, e.bias ? e.bias[group * og + o + c] : 0.f);
          add_columns(s, columns + c * taps * in, y);
          if (e.residual)
            for (int64_t q = 0; q < out; ++q) y[q] += e.residual[plane * out + q];
          if (e.activation != Activation::kNone) activation_row(e.activation, table)(y, y, out, e.p0, e.p1);
        }
      });
    }
}

}  // namespace tenon::kernels
