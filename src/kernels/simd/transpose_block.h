// Transposition of 4-byte elements: a block of W x W into registers, or a matrix of 4-byte elements transposed through
// registers, 4 x 4, 8 x 8 or 16 x 16 at a time.
#pragma once
#include "kernels/simd/vec.h"

namespace tenon::kernels::TENON_ISA {

#if defined(__AVX512F__)
TENON_INLINE void transpose_load(const float* in, int64_t ld_in, F (&out)[16]) {
  F r[16], t[4];
  // Four rows of a 4 x 4 block per load: row i of blocks 0..3 sits in lanes 0..3 of r, so that one in-lane transpose of
  // 4 x 4 finishes the job.
  for (int i = 0; i < 4; ++i)
    for (int q = 0; q < 4; ++q) {
      F v = _mm512_castps128_ps512(_mm_loadu_ps(in + i * ld_in + 4 * q));
      v = _mm512_insertf32x4(v, _mm_loadu_ps(in + (i + 4) * ld_in + 4 * q), 1);
      v = _mm512_insertf32x4(v, _mm_loadu_ps(in + (i + 8) * ld_in + 4 * q), 2);
      r[q * 4 + i] = _mm512_insertf32x4(v, _mm_loadu_ps(in + (i + 12) * ld_in + 4 * q), 3);
    }
  for (int q = 0; q < 16; q += 4) {
    t[0] = _mm512_unpacklo_ps(r[q], r[q + 1]);
    t[1] = _mm512_unpackhi_ps(r[q], r[q + 1]);
    t[2] = _mm512_unpacklo_ps(r[q + 2], r[q + 3]);
    t[3] = _mm512_unpackhi_ps(r[q + 2], r[q + 3]);
    const __m512d a = _mm512_castps_pd(t[0]), b = _mm512_castps_pd(t[1]), c = _mm512_castps_pd(t[2]),
                  d = _mm512_castps_pd(t[3]);
    out[q] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
    out[q + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
    out[q + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
    out[q + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
  }
}
#elif defined(__AVX2__)
TENON_INLINE void transpose_load(const float* in, int64_t ld_in, F (&out)[8]) {
  F r[8];
  for (int i = 0; i < 4; ++i)
    for (int q = 0; q < 2; ++q)
      r[q * 4 + i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(in + i * ld_in + 4 * q)),
                                          _mm_loadu_ps(in + (i + 4) * ld_in + 4 * q), 1);
  for (int q = 0; q < 8; q += 4) {
    const __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps(r[q], r[q + 1])),
                  b = _mm256_castps_pd(_mm256_unpackhi_ps(r[q], r[q + 1])),
                  c = _mm256_castps_pd(_mm256_unpacklo_ps(r[q + 2], r[q + 3])),
                  d = _mm256_castps_pd(_mm256_unpackhi_ps(r[q + 2], r[q + 3]));
    out[q] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, c));
    out[q + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, c));
    out[q + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(b, d));
    out[q + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(b, d));
  }
}
#else
TENON_INLINE void transpose_load(const float* in, int64_t ld_in, F (&out)[4]) {
  const F a = load(in), b = load(in + ld_in), c = load(in + 2 * ld_in), d = load(in + 3 * ld_in);
  for (int i = 0; i < 4; ++i) out[i] = F{a[i], b[i], c[i], d[i]};
}
#endif

TENON_INLINE void transpose_block(const float* in, int64_t ld_in, float* out, int64_t ld_out) {
  F v[W];
  transpose_load(in, ld_in, v);
  for (int i = 0; i < W; ++i) store(out + i * ld_out, v[i]);
}

// out(j, i) = in(i, j) for a matrix in of rows x columns.
static inline void transpose_floats(const float* in, int64_t ld_in, float* out, int64_t ld_out, int64_t rows,
                                    int64_t columns) {
  const int64_t r = whole(rows), c = whole(columns);
  for (int64_t i = 0; i < r; i += W)
    for (int64_t j = 0; j < c; j += W) transpose_block(in + i * ld_in + j, ld_in, out + j * ld_out + i, ld_out);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = i < r ? c : 0; j < columns; ++j) out[j * ld_out + i] = in[i * ld_in + j];
}

}  // namespace tenon::kernels::TENON_ISA
