// Vec: one vector of floats of the ISA that the including file is compiled for, and the operations kernels need.
// F = floats, I = int32 of the same width, M = one truth value per lane; W = lanes. F and I take + - * / operators.
// Everything lives in the ISA's namespace, so that no inline function of one ISA is linked into another.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#if !defined(__clang__)  // GCC 12 takes the undefined inputs inside its own AVX-512 intrinsics for mistakes
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#ifndef TENON_ISA
#error "src/kernels/simd is compiled once per instruction set, with -DTENON_ISA=<name>"
#endif

#define TENON_INLINE static inline __attribute__((always_inline))

namespace tenon::kernels::TENON_ISA {

#if defined(__AVX512F__)

using F = __m512;
using I = __m512i;
using M = __mmask16;
constexpr int W = 16;

TENON_INLINE M first(int64_t n) { return static_cast<M>((1u << n) - 1u); }  // n in 0..W
TENON_INLINE F load(const float* p) { return _mm512_loadu_ps(p); }
TENON_INLINE F load_n(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
TENON_INLINE void store(float* p, F v) { _mm512_storeu_ps(p, v); }
TENON_INLINE void store_n(float* p, F v, int64_t n) { _mm512_mask_storeu_ps(p, first(n), v); }
TENON_INLINE I load_i(const int32_t* p) { return _mm512_loadu_si512(p); }
TENON_INLINE I load_i_n(const int32_t* p, int64_t n) { return _mm512_maskz_loadu_epi32(first(n), p); }
TENON_INLINE void store_i(int32_t* p, I v) { _mm512_storeu_si512(p, v); }
TENON_INLINE void store_i_n(int32_t* p, I v, int64_t n) { _mm512_mask_storeu_epi32(p, first(n), v); }
TENON_INLINE F set(float v) { return _mm512_set1_ps(v); }
TENON_INLINE I set_i(int32_t v) { return _mm512_set1_epi32(v); }
TENON_INLINE F zero() { return _mm512_setzero_ps(); }
TENON_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
TENON_INLINE F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
TENON_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }  // either is NaN: b
TENON_INLINE F min(F a, F b) { return _mm512_min_ps(a, b); }
TENON_INLINE F sqrt(F a) { return _mm512_sqrt_ps(a); }
TENON_INLINE M lt(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
TENON_INLINE M le(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
TENON_INLINE M eq(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
TENON_INLINE M is_nan(F a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
TENON_INLINE M lt(I a, I b) { return _mm512_cmplt_epi32_mask(a, b); }
TENON_INLINE M eq(I a, I b) { return _mm512_cmpeq_epi32_mask(a, b); }
TENON_INLINE M operator_or(M a, M b) { return static_cast<M>(a | b); }
TENON_INLINE M operator_and(M a, M b) { return static_cast<M>(a & b); }
TENON_INLINE bool any(M m) { return m != 0; }
TENON_INLINE F select(M m, F yes, F no) { return _mm512_mask_blend_ps(m, no, yes); }
TENON_INLINE I select(M m, I yes, I no) { return _mm512_mask_blend_epi32(m, no, yes); }
TENON_INLINE I bits(F a) { return _mm512_castps_si512(a); }
TENON_INLINE F as_float(I a) { return _mm512_castsi512_ps(a); }
TENON_INLINE F bit_and(F a, F b) { return _mm512_and_ps(a, b); }
TENON_INLINE F bit_or(F a, F b) { return _mm512_or_ps(a, b); }
TENON_INLINE F bit_xor(F a, F b) { return _mm512_xor_ps(a, b); }
TENON_INLINE I bit_and(I a, I b) { return _mm512_and_si512(a, b); }
TENON_INLINE I bit_or(I a, I b) { return _mm512_or_si512(a, b); }
TENON_INLINE I add(I a, I b) { return _mm512_add_epi32(a, b); }
TENON_INLINE I sub(I a, I b) { return _mm512_sub_epi32(a, b); }
template <int N>
TENON_INLINE I shl(I a) {
  return _mm512_slli_epi32(a, N);
}
template <int N>
TENON_INLINE I shr(I a) {  // sign fills
  return _mm512_srai_epi32(a, N);
}
template <int N>
TENON_INLINE I shr_u(I a) {
  return _mm512_srli_epi32(a, N);
}
TENON_INLINE F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
TENON_INLINE F floor(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
TENON_INLINE F ceil(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
TENON_INLINE F trunc(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
TENON_INLINE I to_int(F a) { return _mm512_cvtps_epi32(a); }  // half to even
TENON_INLINE F to_float(I a) { return _mm512_cvtepi32_ps(a); }
TENON_INLINE F gather(const float* p, I index) { return _mm512_i32gather_ps(index, p, 4); }
TENON_INLINE float sum(F a) { return _mm512_reduce_add_ps(a); }
TENON_INLINE float highest(F a) { return _mm512_reduce_max_ps(a); }
TENON_INLINE float lowest(F a) { return _mm512_reduce_min_ps(a); }
TENON_INLINE F load_bytes(const uint8_t* p) {
  return to_float(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)p)));
}
TENON_INLINE F load_bytes(const int8_t* p) {
  return to_float(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)p)));
}
TENON_INLINE void store_bytes(uint8_t* p, I v) { _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8(v)); }
TENON_INLINE F load_half(const uint16_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p)); }
TENON_INLINE void store_half(uint16_t* p, F v) {
  _mm256_storeu_si256((__m256i*)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
TENON_INLINE I load_u16(const uint16_t* p) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)); }
TENON_INLINE void store_u16(uint16_t* p, I v) { _mm256_storeu_si256((__m256i*)p, _mm512_cvtepi32_epi16(v)); }
TENON_INLINE F scale2(F a, F n) { return _mm512_scalef_ps(a, n); }  // a 2^n for whole n, one rounding

#elif defined(__AVX2__)

using F = __m256;
using I = __m256i;
using M = __m256;
constexpr int W = 8;

TENON_INLINE I first(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
TENON_INLINE F load(const float* p) { return _mm256_loadu_ps(p); }
TENON_INLINE F load_n(const float* p, int64_t n) { return _mm256_maskload_ps(p, first(n)); }
TENON_INLINE void store(float* p, F v) { _mm256_storeu_ps(p, v); }
TENON_INLINE void store_n(float* p, F v, int64_t n) { _mm256_maskstore_ps(p, first(n), v); }
TENON_INLINE I load_i(const int32_t* p) { return _mm256_loadu_si256((const __m256i*)p); }
TENON_INLINE I load_i_n(const int32_t* p, int64_t n) { return _mm256_maskload_epi32(p, first(n)); }
TENON_INLINE void store_i(int32_t* p, I v) { _mm256_storeu_si256((__m256i*)p, v); }
TENON_INLINE void store_i_n(int32_t* p, I v, int64_t n) { _mm256_maskstore_epi32(p, first(n), v); }
TENON_INLINE F set(float v) { return _mm256_set1_ps(v); }
TENON_INLINE I set_i(int32_t v) { return _mm256_set1_epi32(v); }
TENON_INLINE F zero() { return _mm256_setzero_ps(); }
TENON_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
TENON_INLINE F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }
TENON_INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
TENON_INLINE F min(F a, F b) { return _mm256_min_ps(a, b); }
TENON_INLINE F sqrt(F a) { return _mm256_sqrt_ps(a); }
TENON_INLINE M lt(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
TENON_INLINE M le(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
TENON_INLINE M eq(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
TENON_INLINE M is_nan(F a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
TENON_INLINE M lt(I a, I b) { return _mm256_castsi256_ps(_mm256_cmpgt_epi32(b, a)); }
TENON_INLINE M eq(I a, I b) { return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)); }
TENON_INLINE M operator_or(M a, M b) { return _mm256_or_ps(a, b); }
TENON_INLINE M operator_and(M a, M b) { return _mm256_and_ps(a, b); }
TENON_INLINE bool any(M m) { return _mm256_movemask_ps(m) != 0; }
TENON_INLINE F select(M m, F yes, F no) { return _mm256_blendv_ps(no, yes, m); }
TENON_INLINE I bits(F a) { return _mm256_castps_si256(a); }
TENON_INLINE F as_float(I a) { return _mm256_castsi256_ps(a); }
TENON_INLINE I select(M m, I yes, I no) { return bits(select(m, as_float(yes), as_float(no))); }
TENON_INLINE F bit_and(F a, F b) { return _mm256_and_ps(a, b); }
TENON_INLINE F bit_or(F a, F b) { return _mm256_or_ps(a, b); }
TENON_INLINE F bit_xor(F a, F b) { return _mm256_xor_ps(a, b); }
TENON_INLINE I bit_and(I a, I b) { return _mm256_and_si256(a, b); }
TENON_INLINE I bit_or(I a, I b) { return _mm256_or_si256(a, b); }
TENON_INLINE I add(I a, I b) { return _mm256_add_epi32(a, b); }
TENON_INLINE I sub(I a, I b) { return _mm256_sub_epi32(a, b); }
template <int N>
TENON_INLINE I shl(I a) {
  return _mm256_slli_epi32(a, N);
}
template <int N>
TENON_INLINE I shr(I a) {
  return _mm256_srai_epi32(a, N);
}
template <int N>
TENON_INLINE I shr_u(I a) {
  return _mm256_srli_epi32(a, N);
}
TENON_INLINE F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
TENON_INLINE F floor(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
TENON_INLINE F ceil(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
TENON_INLINE F trunc(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
TENON_INLINE I to_int(F a) { return _mm256_cvtps_epi32(a); }
TENON_INLINE F to_float(I a) { return _mm256_cvtepi32_ps(a); }
TENON_INLINE F gather(const float* p, I index) { return _mm256_i32gather_ps(p, index, 4); }
TENON_INLINE float sum(F a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
TENON_INLINE float highest(F a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
TENON_INLINE float lowest(F a) {
  __m128 s = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_min_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_min_ss(s, _mm_movehdup_ps(s)));
}
TENON_INLINE F load_bytes(const uint8_t* p) {
  return to_float(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)p)));
}
TENON_INLINE F load_bytes(const int8_t* p) {
  return to_float(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)p)));
}
TENON_INLINE void store_bytes(uint8_t* p, I v) {
  const __m256i pick = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                        0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i b = _mm256_shuffle_epi8(v, pick);
  _mm_storel_epi64((__m128i*)p, _mm_unpacklo_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1)));
}
TENON_INLINE F load_half(const uint16_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p)); }
TENON_INLINE void store_half(uint16_t* p, F v) {
  _mm_storeu_si128((__m128i*)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
TENON_INLINE I load_u16(const uint16_t* p) { return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)); }
TENON_INLINE void store_u16(uint16_t* p, I v) {
  const __m256i b = _mm256_permute4x64_epi64(_mm256_packus_epi32(v, v), 0xd8);
  _mm_storeu_si128((__m128i*)p, _mm256_castsi256_si128(b));
}

#else  // portable: four lanes by the compiler's vector types

using F = float __attribute__((vector_size(16)));
using I = int32_t __attribute__((vector_size(16)));
using U = uint32_t __attribute__((vector_size(16)));
using M = I;
constexpr int W = 4;

TENON_INLINE I first(int64_t n) {
  const int32_t k = static_cast<int32_t>(n);
  return I{0, 1, 2, 3} < I{k, k, k, k};
}
TENON_INLINE F load(const float* p) {
  F v;
  memcpy(&v, p, sizeof v);
  return v;
}
TENON_INLINE F load_n(const float* p, int64_t n) {
  F v{};
  memcpy(&v, p, static_cast<size_t>(n) * 4);
  return v;
}
TENON_INLINE void store(float* p, F v) { memcpy(p, &v, sizeof v); }
TENON_INLINE void store_n(float* p, F v, int64_t n) { memcpy(p, &v, static_cast<size_t>(n) * 4); }
TENON_INLINE I load_i(const int32_t* p) {
  I v;
  memcpy(&v, p, sizeof v);
  return v;
}
TENON_INLINE I load_i_n(const int32_t* p, int64_t n) {
  I v{};
  memcpy(&v, p, static_cast<size_t>(n) * 4);
  return v;
}
TENON_INLINE void store_i(int32_t* p, I v) { memcpy(p, &v, sizeof v); }
TENON_INLINE void store_i_n(int32_t* p, I v, int64_t n) { memcpy(p, &v, static_cast<size_t>(n) * 4); }
TENON_INLINE F set(float v) { return F{v, v, v, v}; }
TENON_INLINE I set_i(int32_t v) { return I{v, v, v, v}; }
TENON_INLINE F zero() { return F{}; }
TENON_INLINE F fma(F a, F b, F c) { return a * b + c; }
TENON_INLINE F fnma(F a, F b, F c) { return c - a * b; }
TENON_INLINE M lt(F a, F b) { return a < b; }
TENON_INLINE M le(F a, F b) { return a <= b; }
TENON_INLINE M eq(F a, F b) { return a == b; }
TENON_INLINE M is_nan(F a) { return a != a; }
TENON_INLINE M lt(I a, I b) { return a < b; }
TENON_INLINE M eq(I a, I b) { return a == b; }
TENON_INLINE M operator_or(M a, M b) { return a | b; }
TENON_INLINE M operator_and(M a, M b) { return a & b; }
TENON_INLINE bool any(M m) { return (m[0] | m[1] | m[2] | m[3]) != 0; }
TENON_INLINE I bits(F a) { return reinterpret_cast<I>(a); }
TENON_INLINE F as_float(I a) { return reinterpret_cast<F>(a); }
TENON_INLINE I select(M m, I yes, I no) { return (m & yes) | (~m & no); }
TENON_INLINE F select(M m, F yes, F no) { return as_float(select(m, bits(yes), bits(no))); }
TENON_INLINE F max(F a, F b) { return select(a > b, a, b); }
TENON_INLINE F min(F a, F b) { return select(a < b, a, b); }
TENON_INLINE F bit_and(F a, F b) { return as_float(bits(a) & bits(b)); }
TENON_INLINE F bit_or(F a, F b) { return as_float(bits(a) | bits(b)); }
TENON_INLINE F bit_xor(F a, F b) { return as_float(bits(a) ^ bits(b)); }
TENON_INLINE I bit_and(I a, I b) { return a & b; }
TENON_INLINE I bit_or(I a, I b) { return a | b; }
TENON_INLINE I add(I a, I b) { return reinterpret_cast<I>(reinterpret_cast<U>(a) + reinterpret_cast<U>(b)); }
TENON_INLINE I sub(I a, I b) { return reinterpret_cast<I>(reinterpret_cast<U>(a) - reinterpret_cast<U>(b)); }
template <int N>
TENON_INLINE I shl(I a) {
  return reinterpret_cast<I>(reinterpret_cast<U>(a) << N);
}
template <int N>
TENON_INLINE I shr(I a) {
  return a >> N;
}
template <int N>
TENON_INLINE I shr_u(I a) {
  return reinterpret_cast<I>(reinterpret_cast<U>(a) >> N);
}
TENON_INLINE F to_float(I a) { return __builtin_convertvector(a, F); }
#if defined(__SSE2__)
TENON_INLINE F sqrt(F a) { return _mm_sqrt_ps(a); }
TENON_INLINE I to_int(F a) { return reinterpret_cast<I>(_mm_cvtps_epi32(a)); }
#else
TENON_INLINE F sqrt(F a) {
  return F{__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3])};
}
TENON_INLINE I to_int(F a) {
  I r{};
  for (int i = 0; i < 4; ++i) {
    const float v = __builtin_rintf(a[i]);
    r[i] = v >= -2147483648.f && v < 2147483648.f ? static_cast<int32_t>(v) : INT32_MIN;
  }
  return r;
}
#endif
// Values of 2^23 and more are whole already (and NaN fails the comparison); the sign survives, for -0.
TENON_INLINE F keep_whole(F a, F r) {
  const F sign = as_float(set_i(INT32_MIN));
  const F size = as_float(bits(a) & ~bits(sign));
  return select(lt(size, set(8388608.f)), bit_or(as_float(bits(r) & ~bits(sign)), bit_and(a, sign)), a);
}
TENON_INLINE F round(F a) { return keep_whole(a, to_float(to_int(a))); }
TENON_INLINE F floor(F a) {
  const F r = round(a);
  return keep_whole(a, r) - select(lt(a, r), set(1), zero());
}
TENON_INLINE F ceil(F a) {
  const F r = round(a), up = r + select(lt(r, a), set(1), zero());
  return bit_or(up, bit_and(a, as_float(set_i(INT32_MIN))));
}
TENON_INLINE F trunc(F a) {
  const F sign = as_float(set_i(INT32_MIN)), size = as_float(bits(a) & ~bits(sign));
  return bit_or(floor(size), bit_and(a, sign));
}
TENON_INLINE F gather(const float* p, I i) { return F{p[i[0]], p[i[1]], p[i[2]], p[i[3]]}; }
TENON_INLINE float sum(F a) { return (a[0] + a[2]) + (a[1] + a[3]); }
TENON_INLINE float highest(F a) {
  const float x = a[0] > a[1] ? a[0] : a[1], y = a[2] > a[3] ? a[2] : a[3];
  return x > y ? x : y;
}
TENON_INLINE float lowest(F a) {
  const float x = a[0] < a[1] ? a[0] : a[1], y = a[2] < a[3] ? a[2] : a[3];
  return x < y ? x : y;
}
template <class T>
TENON_INLINE F load_bytes(const T* p) {
  return to_float(I{p[0], p[1], p[2], p[3]});
}
TENON_INLINE void store_bytes(uint8_t* p, I v) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<uint8_t>(v[i]);
}
TENON_INLINE I load_u16(const uint16_t* p) { return I{p[0], p[1], p[2], p[3]}; }
TENON_INLINE void store_u16(uint16_t* p, I v) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<uint16_t>(v[i]);
}
// Half: the exponent is moved by a multiplication, which also normalises denormals.
TENON_INLINE F load_half(const uint16_t* p) {
  const I h = load_u16(p), size = h & 0x7fff;
  const F moved = as_float(shl<13>(size)) * as_float(set_i(0x77800000));  // 2^112
  const I special = bits(moved) | 0x7f800000;                             // infinity and NaN keep their mantissa
  const I quiet = select(size > set_i(0x7c00), special | 0x400000, special);
  const I value = select(size >= set_i(0x7c00), quiet, bits(moved));
  return as_float(value | shl<16>(h & 0x8000));
}
TENON_INLINE void store_half(uint16_t* p, F v) {
  const I b = bits(v), sign = shr_u<16>(b) & 0x8000, size = b & 0x7fffffff;
  const I nan = select(size > set_i(0x7f800000), (shr_u<13>(size) & 0x3ff) | 0x7e00, set_i(0x7c00));
  // Normal results: round the mantissa at bit 13. Denormal ones: adding 0.5 leaves the rounded mantissa in the low
  // bits.
  const I normal = shr_u<13>(size - 0x38000000 + 0xfff + (shr_u<13>(size) & 1));
  const I small = bits(as_float(size) + set(0.5f)) - 0x3f000000;
  const I finite = select(size < set_i(0x38800000), small, normal);
  store_u16(p, select(size >= set_i(0x47800000), nan, finite) | sign);
}

#endif

TENON_INLINE F abs(F a) { return bit_and(a, as_float(set_i(INT32_MAX))); }
TENON_INLINE F neg(F a) { return bit_xor(a, as_float(set_i(INT32_MIN))); }
TENON_INLINE F sign_of(F a) { return bit_and(a, as_float(set_i(INT32_MIN))); }
/// The first n lanes of a, the others of b.
TENON_INLINE F select_first(F a, F b, int64_t n) {
#if defined(__AVX512F__)
  return select(first(n), a, b);
#elif defined(__AVX2__)
  return select(_mm256_castsi256_ps(first(n)), a, b);
#else
  return select(first(n), a, b);
#endif
}
TENON_INLINE int64_t whole(int64_t n) { return n & ~static_cast<int64_t>(W - 1); }
TENON_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
TENON_INLINE int64_t lanes_of(int64_t n) { return n < 0 ? 0 : smaller(n, W); }
TENON_INLINE F load_upto(const float* p, int64_t n) { return n >= W ? load(p) : load_n(p, n); }
TENON_INLINE void store_upto(float* p, F v, int64_t n) {
  if (n >= W)
    store(p, v);
  else
    store_n(p, v, n);
}

}  // namespace tenon::kernels::TENON_ISA
