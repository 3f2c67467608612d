// split_vectors: two vectors of pairs into their first and second members.
#pragma once
#include "kernels/simd/vec.h"

namespace tenon::kernels::TENON_ISA {

#if defined(__AVX512F__)
TENON_INLINE void split_vectors(F a, F b, F& even, F& odd) {
  const I e = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  even = _mm512_permutex2var_ps(a, e, b);
  odd = _mm512_permutex2var_ps(a, add(e, set_i(1)), b);
}
#elif defined(__AVX2__)
TENON_INLINE void split_vectors(F a, F b, F& even, F& odd) {
  const __m256d e = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)),
                o = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xdd));
  even = _mm256_castpd_ps(_mm256_permute4x64_pd(e, 0xd8));
  odd = _mm256_castpd_ps(_mm256_permute4x64_pd(o, 0xd8));
}
#else
TENON_INLINE void split_vectors(F a, F b, F& even, F& odd) {
  even = F{a[0], a[2], b[0], b[2]};
  odd = F{a[1], a[3], b[1], b[3]};
}
#endif

}  // namespace tenon::kernels::TENON_ISA
