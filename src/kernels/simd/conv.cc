// Convolution micro-kernels: pixels times channels, the transposed store, and depthwise rows.
#include "kernels/conv_kernels.h"
#include "kernels/simd/split.h"
#include "kernels/simd/transpose_block.h"
#include "kernels/simd/vec.h"

namespace tenon::kernels::TENON_ISA {
namespace {

constexpr int kNv = W == 16 ? 4 : 2;
constexpr int kNr = kNv * W;

template <int R, int NV>
__attribute__((noinline)) void tile(const ConvPanel& g, int64_t row) {
  F acc[R][NV];
  const float* x[R];
  for (int i = 0; i < R; ++i) {
    x[i] = g.x + g.pixel[row + i];
    for (int j = 0; j < NV; ++j) acc[i][j] = zero();
  }
  const float* b = g.b;
  const int64_t b_row = g.b_row;
  for (const int64_t *t = g.tap, *end = t + g.k; t < end; ++t, b += b_row) {
    F v[NV];
    for (int j = 0; j < NV; ++j) v[j] = load(b + j * W);
    for (int i = 0; i < R; ++i) {
      const F s = set(x[i][*t]);
      for (int j = 0; j < NV; ++j) acc[i][j] = fma(s, v[j], acc[i][j]);
    }
  }
  float* const c = g.acc + row * kNr;
  if (g.add)
    for (int i = 0; i < R; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = acc[i][j] + load(c + i * kNr + j * W);
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < NV; ++j) store(c + i * kNr + j * W, acc[i][j]);
}

template <int NV>
void panel_of(const ConvPanel& g) {
  constexpr int kRows = NV >= 3 ? 6 : W == 16 ? 8 : 6;
  int64_t row = 0;
  for (; row + kRows <= g.m; row += kRows) tile<kRows, NV>(g, row);
  if (row + 4 <= g.m) {
    tile<4, NV>(g, row);
    row += 4;
  }
  if (row + 2 <= g.m) {
    tile<2, NV>(g, row);
    row += 2;
  }
  if (row < g.m) tile<1, NV>(g, row);
}

void panel(const ConvPanel& g) {
  switch ((g.n + W - 1) / W) {
    case 1:
      return panel_of<1>(g);
    case 2:
      return panel_of<2>(g);
#if defined(__AVX512F__)
    case 3:
      return panel_of<3>(g);
    case 4:
      return panel_of<4>(g);
#endif
    default:
      return;
  }
}

// W pixels times W channels at a time: transposed in registers, finished, stored along the pixels.
template <bool kResidual>
void store_block(const float* acc, const ConvStore& s, int64_t j0, int64_t i0, int64_t channels, int64_t pixels) {
  F v[W];
  transpose_load(acc, kNr, v);
  const F lo = set(s.low), hi = set(s.high);
  float* y = s.y + j0 * s.ld + i0;
  const float* residual = kResidual ? s.residual + j0 * s.ld + i0 : nullptr;
  const float* bias = s.bias ? s.bias + j0 : nullptr;
  const int64_t ld = s.ld;
  const bool clamp = s.clamp;
  for (int j = 0; j < W; ++j) {
    if (j >= channels) break;
    F r = v[j];
    if (bias) r = r + set(bias[j]);
    if (kResidual) r = r + load_upto(residual + j * ld, pixels);
    if (clamp) r = min(hi, max(lo, r));
    store_upto(y + j * ld, r, pixels);
  }
}

void store_pixels(const ConvStore& s) {
  for (int64_t i = 0; i < s.m; i += W)  // acc has whole tiles of rows: reading past m stays inside it
    for (int64_t j = 0; j < s.n; j += W) {
      const float* acc = s.acc + i * kNr + j;
      if (s.residual)
        store_block<true>(acc, s, j, i, s.n - j, s.m - i);
      else
        store_block<false>(acc, s, j, i, s.n - j, s.m - i);
    }
}

TENON_INLINE F finish(const DepthwiseRow& d, F v, int64_t i, int64_t n) {
  if (d.residual) v = v + load_upto(d.residual + i, n);
  if (d.clamp) v = min(set(d.high), max(set(d.low), v));
  return v;
}

void depthwise_row(const DepthwiseRow& d) {
  int64_t i = 0;
  for (; i + 4 * W <= d.n; i += 4 * W) {
    F a0 = set(d.bias), a1 = a0, a2 = a0, a3 = a0;
    for (int64_t r = 0; r < d.kernel_rows; ++r) {
      if (!d.rows[r]) continue;
      for (int64_t t = 0; t < d.taps; ++t) {
        const float* x = d.rows[r] + d.offset[t] + i;
        const F w = set(d.w[r * d.taps + t]);
        a0 = fma(w, load(x), a0);
        a1 = fma(w, load(x + W), a1);
        a2 = fma(w, load(x + 2 * W), a2);
        a3 = fma(w, load(x + 3 * W), a3);
      }
    }
    store(d.y + i, finish(d, a0, i, W));
    store(d.y + i + W, finish(d, a1, i + W, W));
    store(d.y + i + 2 * W, finish(d, a2, i + 2 * W, W));
    store(d.y + i + 3 * W, finish(d, a3, i + 3 * W, W));
  }
  for (; i < d.n; i += W) {
    const int64_t n = d.n - i;
    F a = set(d.bias);
    for (int64_t r = 0; r < d.kernel_rows; ++r) {
      if (!d.rows[r]) continue;
      for (int64_t t = 0; t < d.taps; ++t)
        a = fma(set(d.w[r * d.taps + t]), load_upto(d.rows[r] + d.offset[t] + i, n), a);
    }
    store_upto(d.y + i, finish(d, a, i, n), n);
  }
}

void split_even_odd(const float* in, float* even, float* odd, int64_t n) {
  int64_t i = 0;
  for (; i + W <= n; i += W) {
    F e, o;
    split_vectors(load(in + 2 * i), load(in + 2 * i + W), e, o);
    store(even + i, e);
    store(odd + i, o);
  }
  for (; i < n; ++i) {
    even[i] = in[2 * i];
    odd[i] = in[2 * i + 1];
  }
}

void pad_row(const float* in, int64_t count, int64_t before, float* out, int64_t n) {
  for (int64_t i = 0; i < before; i += W) store_upto(out + i, zero(), before - i);
  float* o = out + before;
  for (int64_t i = 0; i < count; i += W) store_upto(o + i, load_upto(in + i, count - i), count - i);
  const int64_t after = n - before - count;
  for (int64_t i = 0; i < after; i += W) store_upto(o + count + i, zero(), after - i);
}

}  // namespace

void depthwise_plane_3_1(const DepthwisePlane&);
void depthwise_plane_3_2(const DepthwisePlane&);
void depthwise_plane_5_1(const DepthwisePlane&);
void depthwise_plane_5_2(const DepthwisePlane&);

extern const ConvKernels kConv;
const ConvKernels kConv = {
    panel,          store_pixels,
    depthwise_row,  {{depthwise_plane_3_1, depthwise_plane_3_2}, {depthwise_plane_5_1, depthwise_plane_5_2}},
    split_even_odd, pad_row};

}  // namespace tenon::kernels::TENON_ISA
