// fp32 GEMM micro-kernels: a panel of up to kNr columns times any number of rows; packing; vector-times-matrix.
#include "kernels/gemm_tiles.h"
#include "kernels/simd/transpose_block.h"
#include "kernels/simd/vec.h"

namespace tenon::kernels::TENON_ISA {
namespace {

// Accumulators of a full tile: 6 x 4 of the 32 registers of AVX-512, 6 x 2 of 16 registers elsewhere.
constexpr int kNv = W == 16 ? 4 : 2;
constexpr int kMr = 6;
constexpr int kNr = kNv * W;

// Locals throughout: a store to C might change what g points at, as far as the compiler knows.
template <int R, int NV>
TENON_INLINE void finish(F (&acc)[R][NV], const GemmPanel& g, int64_t row) {
  const int64_t last = g.n - (NV - 1) * W;  // columns of the last vector
  const int64_t ldc = g.ldc;
  float* const c = g.c + row * ldc;
  auto columns = [last](int j) { return j == NV - 1 ? last : W; };
  if (g.alpha != 1) {
    const F alpha = set(g.alpha);
    for (int i = 0; i < R; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = acc[i][j] * alpha;
  }
  if (g.beta != 0) {
    const F beta = set(g.beta);
    for (int i = 0; i < R; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = fma(beta, load_upto(c + i * ldc + j * W, columns(j)), acc[i][j]);
  }
  if (g.bias_row)
    for (int i = 0; i < R; ++i) {
      const F bias = set(g.bias_row[row + i]);
      for (int j = 0; j < NV; ++j) acc[i][j] = acc[i][j] + bias;
    }
  if (g.bias_column)
    for (int j = 0; j < NV; ++j) {
      const F bias = load_upto(g.bias_column + j * W, columns(j));
      for (int i = 0; i < R; ++i) acc[i][j] = acc[i][j] + bias;
    }
  if (g.residual) {
    const float* residual = g.residual + row * g.residual_ld;
    for (int i = 0; i < R; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = acc[i][j] + load_upto(residual + i * g.residual_ld + j * W, columns(j));
  }
  if (g.clamp) {
    const F lo = set(g.low), hi = set(g.high);
    for (int i = 0; i < R; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = min(hi, max(lo, acc[i][j]));  // this order keeps NaN
  }
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < NV; ++j) store_upto(c + i * ldc + j * W, acc[i][j], columns(j));
}

template <int R, int NV>
__attribute__((noinline)) void tile(const GemmPanel& g, const float* a, int64_t row) {
  F acc[R][NV];
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < NV; ++j) acc[i][j] = zero();
  const float* b = g.b;
  const int64_t a_row = g.a_row, a_col = g.a_col, b_row = g.b_row;
  for (int64_t p = g.k; p > 0; --p) {
    F v[NV];
    for (int j = 0; j < NV; ++j) v[j] = load(b + j * W);
    for (int i = 0; i < R; ++i) {
      const F x = set(a[i * a_row]);
      for (int j = 0; j < NV; ++j) acc[i][j] = fma(x, v[j], acc[i][j]);
    }
    a += a_col;
    b += b_row;
  }
  finish<R, NV>(acc, g, row);
}

template <int NV>
void panel_of(const GemmPanel& g) {
  const float* a = g.a;
  int64_t row = 0;
  for (; row + kMr <= g.m; row += kMr, a += g.a_tile) tile<kMr, NV>(g, a, row);
  switch (g.m - row) {
    case 1:
      return tile<1, NV>(g, a, row);
    case 2:
      return tile<2, NV>(g, a, row);
    case 3:
      return tile<3, NV>(g, a, row);
    case 4:
      return tile<4, NV>(g, a, row);
    case 5:
      return tile<5, NV>(g, a, row);
    default:
      return;
  }
}

void panel(const GemmPanel& g) {
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

// One row of A times kStreams packed panels at once: several streams of B keep more memory requests in flight.
constexpr int kStreams = 4;
void gemv_packed(const float* a, int64_t a_col, const float* b, int64_t panel_stride, int64_t k, float* out) {
  F acc[kStreams][kNv];
  for (int s = 0; s < kStreams; ++s)
    for (int j = 0; j < kNv; ++j) acc[s][j] = zero();
  for (int64_t p = 0; p < k; ++p, a += a_col, b += kNr) {
    const F x = set(*a);
    for (int s = 0; s < kStreams; ++s)
      for (int j = 0; j < kNv; ++j) acc[s][j] = fma(x, load(b + s * panel_stride + j * W), acc[s][j]);
  }
  for (int s = 0; s < kStreams; ++s)
    for (int j = 0; j < kNv; ++j) store(out + s * kNr + j * W, acc[s][j]);
}

// out[j] = sum_p a[p] B(p, j) for rows of B that lie as they are: four rows at once, out stays in L1.
void gemv_rows(const float* a, int64_t a_col, const float* b, int64_t b_row, int64_t k, int64_t n, float* out) {
  for (int64_t j = 0; j < n; j += W) store_upto(out + j, zero(), n - j);
  int64_t p = 0;
  for (; p + 4 <= k; p += 4) {
    const F x0 = set(a[p * a_col]), x1 = set(a[(p + 1) * a_col]), x2 = set(a[(p + 2) * a_col]),
            x3 = set(a[(p + 3) * a_col]);
    const float* r = b + p * b_row;
    int64_t j = 0;
    for (; j + W <= n; j += W) {
      F v = fma(x0, load(r + j), load(out + j));
      v = fma(x1, load(r + b_row + j), v);
      v = fma(x2, load(r + 2 * b_row + j), v);
      store(out + j, fma(x3, load(r + 3 * b_row + j), v));
    }
    if (j < n) {
      F v = fma(x0, load_n(r + j, n - j), load_n(out + j, n - j));
      v = fma(x1, load_n(r + b_row + j, n - j), v);
      v = fma(x2, load_n(r + 2 * b_row + j, n - j), v);
      store_n(out + j, fma(x3, load_n(r + 3 * b_row + j, n - j), v), n - j);
    }
  }
  for (; p < k; ++p) {
    const F x = set(a[p * a_col]);
    const float* r = b + p * b_row;
    for (int64_t j = 0; j < n; j += W) {
      const int64_t c = n - j;
      store_upto(out + j, fma(x, load_upto(r + j, c), load_upto(out + j, c)), c);
    }
  }
}

// R rows of A times C columns of B, both contiguous along k: R x C dot products.
template <int R, int C>
void dots(const float* a, int64_t a_row, const float* b, int64_t b_col, int64_t k, float* out, int64_t ld) {
  F acc[R][C];
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < C; ++j) acc[i][j] = zero();
  int64_t p = 0;
  for (; p + W <= k; p += W)
    for (int i = 0; i < R; ++i) {
      const F x = load(a + i * a_row + p);
      for (int j = 0; j < C; ++j) acc[i][j] = fma(x, load(b + j * b_col + p), acc[i][j]);
    }
  if (p < k)
    for (int i = 0; i < R; ++i) {
      const F x = load_n(a + i * a_row + p, k - p);
      for (int j = 0; j < C; ++j) acc[i][j] = fma(x, load_n(b + j * b_col + p, k - p), acc[i][j]);
    }
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < C; ++j) out[i * ld + j] = sum(acc[i][j]);
}
template <int R>
void dot_rows(const float* a, int64_t a_row, const float* b, int64_t b_col, int64_t k, int64_t n, float* out,
              int64_t ld) {
  int64_t j = 0;
  for (; j + 4 <= n; j += 4) dots<R, 4>(a, a_row, b + j * b_col, b_col, k, out + j, ld);
  for (; j < n; ++j) dots<R, 1>(a, a_row, b + j * b_col, b_col, k, out + j, ld);
}
void dot(const float* a, int64_t a_row, const float* b, int64_t b_col, int64_t m, int64_t k, int64_t n, float* out,
         int64_t ld) {
  int64_t i = 0;
  for (; i + 3 <= m; i += 3) dot_rows<3>(a + i * a_row, a_row, b, b_col, k, n, out + i * ld, ld);
  for (; i < m; ++i) dot_rows<1>(a + i * a_row, a_row, b, b_col, k, n, out + i * ld, ld);
}

// Packs `n` <= kNr columns of k rows as k rows of `width` = n rounded up to whole vectors; the padding is 0.
void pack_rows(const float* b, int64_t b_row, int64_t k, int64_t n, float* dst) {
  const int64_t width = (n + W - 1) / W * W;
  for (int64_t p = 0; p < k; ++p, b += b_row, dst += width)
    for (int64_t j = 0; j < n; j += W) store(dst + j, load_upto(b + j, n - j));
}
void pack_columns(const float* b, int64_t b_col, int64_t k, int64_t n, float* dst) {
  const int64_t width = (n + W - 1) / W * W;
  transpose_floats(b, b_col, dst, width, n, k);
  for (int64_t p = 0; p < k; ++p)
    for (int64_t j = n; j < width; ++j) dst[p * width + j] = 0;
}

}  // namespace

extern const GemmTiles kGemm;
const GemmTiles kGemm = {kMr, kNr, W, kStreams, panel, gemv_packed, gemv_rows, dot, pack_rows, pack_columns};

}  // namespace tenon::kernels::TENON_ISA
