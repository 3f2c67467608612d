// Depthwise convolution of a plane, 3 x 3 and 5 x 5, stride 1 and 2: a strip of W columns at a time, down the rows, so
// that every input vector is loaded once and adds to all the output rows it belongs to.
#include "kernels/conv_kernels.h"
#include "kernels/simd/split.h"
#include "kernels/simd/vec.h"

namespace tenon::kernels::TENON_ISA {
namespace {

// Values at x .. x + W of a row of `width`; 0 outside it.
TENON_INLINE F load_window(const float* row, int64_t x, int64_t width) {
#if defined(__AVX512F__)
  const M mask = static_cast<M>(first(lanes_of(width - x)) & ~first(lanes_of(-x)));
  return _mm512_maskz_loadu_ps(mask, row + x);
#else
  float v[W];
  for (int64_t i = 0; i < W; ++i) v[i] = x + i >= 0 && x + i < width ? row[x + i] : 0.f;
  return load(v);
#endif
}

template <int K, int S, bool kInside>
__attribute__((noinline)) void strip(const DepthwisePlane& d, int64_t column, int64_t columns) {
  constexpr int A = (K + S - 1) / S;  // output rows in flight
  const int64_t x = column * S - d.pad_w, width = d.in_w, height = d.in_h;
  const int64_t y0 = d.y0, y1 = d.y1, out_w = d.out_w, pad_h = d.pad_h;
  const F bias = set(d.bias), lo = set(d.low), hi = set(d.high);
  const bool clamp = d.clamp;
  const float* const residual = d.residual;
  float* const out = d.y;
  F w[K * K];
  for (int i = 0; i < K * K; ++i) w[i] = set(d.w[i]);
  F acc[A];
  for (int j = 0; j < A; ++j) acc[j] = bias;
  // Step y starts output row y; acc[j] belongs to row y - j.
  for (int64_t y = y0; y < y1 + A - 1; ++y) {
    for (int s = 0; s < S; ++s) {
      const int64_t r = y * S + s - pad_h;
      if (r < 0 || r >= height) continue;
      const float* row = d.x + r * width;
      auto window = [&](int64_t at) __attribute__((always_inline)) {
        return kInside ? load(row + at) : load_window(row, at, width);
      };
      F v[K + 1];
      for (int t = 0; t < K; t += S) {
        if (S == 1)
          v[t] = window(x + t);
        else
          split_vectors(window(x + t), window(x + t + W), v[t], v[t + 1]);
      }
      for (int j = 0; j < A; ++j)  // tuning: the next line ends it, too
        if (s + S * j < K)
          for (int t = 0; t < K; ++t) acc[j] = fma(w[(s + S * j) * K + t], v[t], acc[j]);
    }
    const int64_t done = y - (A - 1);
    if (done >= y0) {
      F r = acc[A - 1];
      const int64_t at = done * out_w + column;
      if (residual) r = r + load_upto(residual + at, columns);
      if (clamp) r = min(hi, max(lo, r));
      store_upto(out + at, r, columns);
    }
    for (int j = A - 1; j > 0; --j) acc[j] = acc[j - 1];
    acc[0] = bias;
  }
}

template <int K, int S>
void plane(const DepthwisePlane& d) {
  for (int64_t c = 0; c < d.out_w; c += W) {
    const int64_t x = c * S - d.pad_w, n = d.out_w - c;
    const int64_t reach = K + S * W - (S == 1 ? 1 : 0);  // a pair of vectors is loaded per pair of taps
    if (x >= 0 && x + reach <= d.in_w)                   // tuning: choice of path
      strip<K, S, true>(d, c, n);
    else
      strip<K, S, false>(d, c, n);
  }
}

}  // namespace

void depthwise_plane_3_1(const DepthwisePlane& d);
void depthwise_plane_3_2(const DepthwisePlane& d);
void depthwise_plane_5_1(const DepthwisePlane& d);
void depthwise_plane_5_2(const DepthwisePlane& d);
void depthwise_plane_3_1(const DepthwisePlane& d) { plane<3, 1>(d); }
void depthwise_plane_3_2(const DepthwisePlane& d) { plane<3, 2>(d); }
void depthwise_plane_5_1(const DepthwisePlane& d) { plane<5, 1>(d); }
void depthwise_plane_5_2(const DepthwisePlane& d) { plane<5, 2>(d); }

}  // namespace tenon::kernels::TENON_ISA
