// Products with weights of 2, 4 or 8 bits: codes of 16 columns at a time become floats by a table in a register.
#include "kernels/nbits_kernels.h"
#include "kernels/simd/vec.h"

namespace tenon::kernels::TENON_ISA {
namespace {

constexpr int V = kNBitsColumns / W;  // vectors of a row of a panel

#if defined(__AVX512F__)
struct Codebook {
  F all;
  explicit Codebook(const float* p) : all(load(p)) {}
  TENON_INLINE F at(const Codebook& t, I code) { return _mm512_permutexvar_ps(code, t.all); }
};
TENON_INLINE I load_codes(const uint8_t* p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)p)); }
#elif defined(__AVX2__)
struct Codebook {
  F low, high;
  explicit Codebook(const float* p) : low(load(p)), high(load(p + 8)) {}
  TENON_INLINE F at(const Codebook& t, I code) {
    return select(as_float(shl<28>(code)), _mm256_permutevar8x32_ps(t.high, code),
                  _mm256_permutevar8x32_ps(t.low, code));
  }
};
TENON_INLINE I load_codes(const uint8_t* p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)p)); }
#else
struct Codebook {
  const float* all;
  explicit Codebook(const float* p) : all(p) {}
  TENON_INLINE F at(const Codebook& t, I code) {
    return F{t.all[code[0] & 15], t.all[code[1] & 15], t.all[code[2] & 15], t.all[code[3] & 15]};
  }
};
TENON_INLINE I load_codes(const uint8_t* p) { return I{p[0], p[1], p[2], p[3]}; }
#endif

/// Value `Phase` of each byte. A table look-up takes the low four bits of a lane; tables of 2 bits are repeated.
template <int Bits, int Phase>
TENON_INLINE F decode(I bytes, const Codebook& table) {
  if constexpr (Bits == 8) return to_float(sub(bytes, set_i(128)));
  return Codebook::at(table, Phase == 0 ? bytes : shr_u<Phase * Bits>(bytes));
}

/// One byte of each column, from phase Phase on, up to `count` values.
template <int Bits, int R, int C, int Phase, bool Whole>
TENON_INLINE void step(const I (&bytes)[V], const float* a, int64_t a_row, int64_t count, int base,
                       const Codebook& table, F (&acc)[R][C][V]) {
  if constexpr (Phase < 8 / Bits) {
    if (!Whole && Phase >= count) return;
    for (int v = 0; v < V; ++v) {
      const F w = decode<Bits, Phase>(bytes[v], table);
      for (int r = 0; r < R; ++r)
        acc[r][(base + Phase) % C][v] = fma(set(a[r * a_row + Phase]), w, acc[r][(base + Phase) % C][v]);
    }
    step<Bits, R, C, Phase + 1, Whole>(bytes, a, a_row, count, base, table, acc);
  }
}

template <int Bits, int R>
void tile(const NBitsPanel& g, int64_t row) {
  constexpr int kPer = 8 / Bits, C = R == 1 ? 4 : R == 2 ? 2 : 1;  // chains of sums, to hide the latency of fma
  constexpr int kSteps = C > kPer ? C / kPer : 1;
  const Codebook table(g.codebook);
  const int64_t a_row = g.a_row, blocks = (g.k + g.block - 1) / g.block;
  const uint8_t* b = g.b;
  F total[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) total[r][v] = zero();
  for (int64_t block = 0; block < blocks; ++block) {
    const float* scales = reinterpret_cast<const float*>(b);
    const float* zeros = scales + (g.has_zeros ? kNBitsColumns : 0);
    const uint8_t* codes = reinterpret_cast<const uint8_t*>(zeros + kNBitsColumns);
    const float* a = g.a + row * a_row + block * g.block;
    const int64_t n = smaller(g.block, g.k - block * g.block), whole = n / kPer;
    F acc[R][C][V];
    for (int r = 0; r < R; ++r)
      for (int i = 0; i < C; ++i)
        for (int v = 0; v < V; ++v) acc[r][i][v] = zero();
    int64_t i = 0;
    I bytes[V];
    for (; i + kSteps <= whole; i += kSteps)
      for (int u = 0; u < kSteps; ++u) {
        for (int v = 0; v < V; ++v) bytes[v] = load_codes(codes + (i + u) * kNBitsColumns + v * W);
        step<Bits, R, C, 0, true>(bytes, a + (i + u) * kPer, a_row, kPer, u * kPer, table, acc);
      }
    for (; i * kPer < n; ++i) {
      for (int v = 0; v < V; ++v) bytes[v] = load_codes(codes + i * kNBitsColumns + v * W);
      step<Bits, R, C, 0, false>(bytes, a + i * kPer, a_row, n - i * kPer, 0, table, acc);
    }
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) {
        F sum = acc[r][0][v];
        for (int k = 1; k < C; ++k) sum = sum + acc[r][k][v];
        if (g.has_zeros) sum = fnma(load(zeros + v * W), set(g.sums[(row + r) * blocks + block]), sum);
        total[r][v] = fma(load(scales + v * W), sum, total[r][v]);
      }
    b = codes + (g.block * Bits + 7) / 8 * kNBitsColumns;
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) {
      const int64_t rest = g.n - v * W, lanes = lanes_of(rest);
      float* to = g.c + (row + r) * g.ldc + v * W;
      if (lanes > 0) store_n(to, g.bias ? total[r][v] + load_n(g.bias + v * W, lanes) : total[r][v], lanes);
    }
}

template <int Bits>
void rows(const NBitsPanel& g) {
  int64_t row = 0;
  for (; row + 4 <= g.m; row += 4) tile<Bits, 4>(g, row);
  for (; row + 2 <= g.m; row += 2) tile<Bits, 2>(g, row);
  if (row < g.m) tile<Bits, 1>(g, row);
}

template <int Bits, int Phase>
TENON_INLINE void unpack_byte(I bytes, const Codebook& table, F scale, F zeros, float* c, int64_t ldc, int64_t count) {
  if constexpr (Phase < 8 / Bits) {
    if (Phase >= count) return;
    store(c + Phase * ldc, (decode<Bits, Phase>(bytes, table) - zeros) * scale);
    unpack_byte<Bits, Phase + 1>(bytes, table, scale, zeros, c, ldc, count);
  }
}

template <int Bits>
void unpack_bits(const NBitsPanel& g) {
  constexpr int kPer = 8 / Bits;
  const Codebook table(g.codebook);
  const uint8_t* b = g.b;
  for (int64_t k = 0; k < g.k; k += g.block) {
    const float* scales = reinterpret_cast<const float*>(b);
    const float* zeros = scales + (g.has_zeros ? kNBitsColumns : 0);
    const uint8_t* codes = reinterpret_cast<const uint8_t*>(zeros + kNBitsColumns);
    const int64_t n = smaller(g.block, g.k - k);
    for (int v = 0; v < V; ++v) {
      const F scale = load(scales + v * W), z = g.has_zeros ? load(zeros + v * W) : zero();
      for (int64_t i = 0; i * kPer < n; ++i)
        unpack_byte<Bits, 0>(load_codes(codes + i * kNBitsColumns + v * W), table, scale, z,
                             g.c + (k + i * kPer) * g.ldc + v * W, g.ldc, n - i * kPer);
    }
    b = codes + (g.block * Bits + 7) / 8 * kNBitsColumns;
  }
}

void panel(const NBitsPanel& g) { g.bits == 2 ? rows<2>(g) : g.bits == 4 ? rows<4>(g) : rows<8>(g); }
void unpack(const NBitsPanel& g) {
  g.bits == 2 ? unpack_bits<2>(g) : g.bits == 4 ? unpack_bits<4>(g) : unpack_bits<8>(g);
}

}  // namespace

extern const NBitsKernels kNBits;
const NBitsKernels kNBits = {panel, unpack};

}  // namespace tenon::kernels::TENON_ISA
