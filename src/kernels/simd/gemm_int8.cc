// 8-bit GEMM micro-kernels: vpdpbusd where the ISA has it, else 16-bit pairs (exact: no saturating product is used).
#include "kernels/int8_kernels.h"
#include "kernels/simd/vec.h"

namespace tenon::kernels::TENON_ISA {
namespace {

#if defined(__AVX512VNNI__)

using Element = uint8_t;
constexpr int kNr = 64, kMr = 6;

template <int R>
void tile(const Int8Panel& g, int64_t row) {
  const uint8_t* a = static_cast<const uint8_t*>(g.a) + row * g.a_row;
  const int64_t a_row = g.a_row;
  const int8_t* b = g.b;
  I acc[R][4];
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < 4; ++j) acc[i][j] = set_i(0);
  for (int64_t q = 0; q < g.quads; ++q, a += 4, b += kNr * 4) {
    I v[4];
    for (int j = 0; j < 4; ++j) v[j] = _mm512_loadu_si512(b + j * 64);
    for (int i = 0; i < R; ++i) {
      int32_t quad;
      memcpy(&quad, a + i * a_row, 4);
      const I x = set_i(quad);
      for (int j = 0; j < 4; ++j) acc[i][j] = _mm512_dpbusd_epi32(acc[i][j], x, v[j]);
    }
  }
  const bool add_c = g.add;
  const int64_t n = g.n, ldc = g.ldc;
  int32_t* const c = g.c + row * ldc;
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < 4; ++j) {  // no early exit: it would force the accumulators into memory
      const int64_t rest = n - j * W, lanes = lanes_of(rest);
      int32_t* p = c + i * ldc + j * W;
      store_i_n(p, add_c ? add(acc[i][j], load_i_n(p, lanes)) : acc[i][j], lanes);
    }
}

#elif defined(__AVX2__)

using Element = int16_t;
constexpr int kNr = 16, kMr = 3;

template <int R>
void tile(const Int8Panel& g, int64_t row) {
  const int16_t* a = reinterpret_cast<const int16_t*>(static_cast<const char*>(g.a) + row * g.a_row);
  const int64_t a_row = g.a_row / 2;
  const int8_t* b = g.b;
  __m256i acc[R][4];  // pairs of partial sums of four columns each
  for (int i = 0; i < R; ++i)
    for (int j = 0; j < 4; ++j) acc[i][j] = _mm256_setzero_si256();
  for (int64_t q = 0; q < g.quads; ++q, a += 4, b += kNr * 4) {
    __m256i v[4];
    for (int j = 0; j < 4; ++j) v[j] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(b + j * 16)));
    for (int i = 0; i < R; ++i) {
      int64_t quad;
      memcpy(&quad, a + i * a_row, 8);
      const __m256i x = _mm256_set1_epi64x(quad);
      for (int j = 0; j < 4; ++j) acc[i][j] = _mm256_add_epi32(acc[i][j], _mm256_madd_epi16(x, v[j]));
    }
  }
  for (int i = 0; i < R; ++i)
    for (int h = 0; h < 2; ++h) {
      const __m256i pairs = _mm256_hadd_epi32(acc[i][2 * h], acc[i][2 * h + 1]);
      int32_t v[8];
      _mm256_storeu_si256((__m256i*)v, _mm256_permute4x64_epi64(pairs, 0xd8));
      int32_t* c = g.c + (row + i) * g.ldc + h * 8;
      for (int64_t j = 0; j < 8 && h * 8 + j < g.n; ++j)
        c[j] = static_cast<int32_t>(static_cast<uint32_t>(v[j]) + (g.add ? static_cast<uint32_t>(c[j]) : 0u));
    }
}

#else

using Element = uint8_t;
constexpr int kNr = 8, kMr = 1;

template <int R>
void tile(const Int8Panel& g, int64_t row) {
  const uint8_t* a = static_cast<const uint8_t*>(g.a) + row * g.a_row;
  int32_t acc[kNr] = {};
  for (int64_t q = 0; q < g.quads; ++q)
    for (int j = 0; j < kNr; ++j)
      for (int t = 0; t < 4; ++t) acc[j] += a[q * 4 + t] * g.b[(q * kNr + j) * 4 + t];
  int32_t* c = g.c + row * g.ldc;
  for (int64_t j = 0; j < g.n; ++j)
    c[j] = static_cast<int32_t>(static_cast<uint32_t>(acc[j]) + (g.add ? static_cast<uint32_t>(c[j]) : 0u));
}

#endif

void panel(const Int8Panel& g) {
  int64_t row = 0;
  for (; row + kMr <= g.m; row += kMr) tile<kMr>(g, row);
  for (; row < g.m; ++row) tile<1>(g, row);
}

void pack_a(const uint8_t* a, int64_t row, int64_t col, int64_t m, int64_t k, uint8_t flip, void* dst, int64_t a_row,
            int32_t* sums) {
  for (int64_t i = 0; i < m; ++i) {
    Element* d = reinterpret_cast<Element*>(static_cast<char*>(dst) + i * a_row);
    const uint8_t* s = a + i * row;
    int32_t sum = 0;
    if (col == 1)
      for (int64_t p = 0; p < k; ++p) {
        const uint8_t v = static_cast<uint8_t>(s[p] ^ flip);
        d[p] = static_cast<Element>(v);
        sum += v;
      }
    else
      for (int64_t p = 0; p < k; ++p) {
        const uint8_t v = static_cast<uint8_t>(s[p * col] ^ flip);
        d[p] = static_cast<Element>(v);
        sum += v;
      }
    for (int64_t p = k; p % 4 != 0; ++p) d[p] = 0;  // tuning: B's padding is 0 as well
    sums[i] += sum;
  }
}

void pack_b(const uint8_t* b, int64_t row, int64_t col, int64_t k, int64_t n, uint8_t flip, int8_t* dst,
            int32_t* sums) {
  for (int64_t q = 0; q < k; q += 4, dst += kNr * 4) {
    const int64_t depth = smaller(k - q, 4);
    if (depth < 4 || n < kNr) memset(dst, 0, kNr * 4);  // tuning: what is written below need not be cleared
    for (int64_t j = 0; j < n; ++j)
      for (int64_t t = 0; t < depth; ++t) {
        const int8_t v = static_cast<int8_t>(b[(q + t) * row + j * col] ^ flip);
        dst[j * 4 + t] = v;
        sums[j] += v;
      }
  }
}

}  // namespace

extern const Int8Kernels kInt8;
const Int8Kernels kInt8 = {kNr, sizeof(Element), panel, pack_a, pack_b};

}  // namespace tenon::kernels::TENON_ISA
