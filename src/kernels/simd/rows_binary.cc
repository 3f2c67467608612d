// Row kernels of two and three operands, conversions of 16-bit floats, and quantisation.
#include "kernels/row_kernels.h"
#include "kernels/simd/math.h"

namespace tenon::kernels::TENON_ISA {
namespace {

TENON_INLINE F pow_lanes(F a, F b) {
  float x[W], y[W];
  store(x, a);
  store(y, b);
  for (int i = 0; i < W; ++i) x[i] = __builtin_powf(x[i], y[i]);
  return load(x);
}

#define TENON_BINARY(name, expression)                \
  struct name {                                       \
    TENON_INLINE F f(F a, F b) { return expression; } \
  };
TENON_BINARY(Add, a + b)
TENON_BINARY(Sub, a - b)
TENON_BINARY(Mul, a* b)
TENON_BINARY(Div, a / b)
TENON_BINARY(Max, select(is_nan(a), a, max(a, b)))
TENON_BINARY(Min, select(is_nan(a), a, min(a, b)))
TENON_BINARY(Pow, pow_lanes(a, b))
TENON_BINARY(Prelu, select(lt(a, zero()), a* b, a))
#undef TENON_BINARY

enum Side { kVector, kScalar };
template <class Op, Side A, Side B>
void binary(const float* a, const float* b, float* out, int64_t n) {
  if (n <= 0) return;
  const F a0 = set(A == kScalar ? *a : 0.f), b0 = set(B == kScalar ? *b : 0.f);
  int64_t i = 0;
  for (; i + W <= n; i += W) store(out + i, Op::f(A == kScalar ? a0 : load(a + i), B == kScalar ? b0 : load(b + i)));
  if (i < n) {
    const int64_t rest = n - i;
    store_n(out + i, Op::f(A == kScalar ? a0 : load_n(a + i, rest), B == kScalar ? b0 : load_n(b + i, rest)), rest);
  }
}
template <class Op>
constexpr BinaryRows rows_of() {
  return {binary<Op, kVector, kVector>, binary<Op, kVector, kScalar>, binary<Op, kScalar, kVector>};
}

// Common exponents without powf: a square, a square root, a reciprocal.
struct SquareOf {
  TENON_INLINE F f(F a, F) { return a * a; }
};
struct RootOf {
  TENON_INLINE F f(F a, F) {
    const F inf = as_float(set_i(0x7f800000));
    return select(eq(abs(a), inf), inf, sqrt(a + zero()));  // pow(-inf, 0.5) = inf, pow(-0, 0.5) = +0
  }
};
struct InverseOf {
  TENON_INLINE F f(F a, F) { return set(1) / a; }
};
void pow_scalar(const float* a, const float* b, float* out, int64_t n) {
  if (n <= 0) return;
  if (*b == 2) return binary<SquareOf, kVector, kScalar>(a, b, out, n);
  if (*b == 0.5f) return binary<RootOf, kVector, kScalar>(a, b, out, n);
  if (*b == -1) return binary<InverseOf, kVector, kScalar>(a, b, out, n);
  binary<Pow, kVector, kScalar>(a, b, out, n);
}

void fma_row(const float* a, const float* b, const float* c, float* out, int64_t n) {
  int64_t i = 0;
  for (; i + W <= n; i += W) store(out + i, fma(load(a + i), load(b + i), load(c + i)));
  if (i < n) store_n(out + i, fma(load_n(a + i, n - i), load_n(b + i, n - i), load_n(c + i, n - i)), n - i);
}

// f(in, out) handles W elements; the tail goes through buffers.
template <class In, class Out, class Body>
TENON_INLINE void by_width(const In* in, Out* out, int64_t n, const Body& f) {
  int64_t i = 0;
  for (; i + W <= n; i += W) f(in + i, out + i);
  if (i < n) {
    In a[W] = {};
    Out b[W];
    memcpy(a, in + i, static_cast<size_t>(n - i) * sizeof(In));
    f(a, b);
    memcpy(out + i, b, static_cast<size_t>(n - i) * sizeof(Out));
  }
}

void from_half(const uint16_t* in, float* out, int64_t n) {
  by_width(in, out, n, [](const uint16_t* a, float* b) { store(b, load_half(a)); });
}
void to_half(const float* in, uint16_t* out, int64_t n) {
  by_width(in, out, n, [](const float* a, uint16_t* b) { store_half(b, load(a)); });
}
void from_bfloat16(const uint16_t* in, float* out, int64_t n) {
  by_width(in, out, n, [](const uint16_t* a, float* b) { store(b, as_float(shl<16>(load_u16(a)))); });
}
void to_bfloat16(const float* in, uint16_t* out, int64_t n) {
  by_width(in, out, n, [](const float* a, uint16_t* b) {
    const F x = load(a);
    const I u = bits(x), even = bit_and(shr_u<16>(u), set_i(1));
    const I rounded = shr_u<16>(add(add(u, set_i(0x7fff)), even));
    store_u16(b, select(is_nan(x), bit_or(shr_u<16>(u), set_i(0x40)), rounded));
  });
}

// Clamping before rounding is the same as after it, since the bounds are whole. NaN becomes the lowest value.
TENON_INLINE I quantized(F v, F lo, F hi, I zero_point) { return add(to_int(min(max(v, lo), hi)), zero_point); }

void quantize(const float* in, uint8_t* out, int64_t n, float scale, int32_t zero_point, int32_t low, int32_t high) {
  const F s = set(scale), lo = set(static_cast<float>(low - zero_point)),
          hi = set(static_cast<float>(high - zero_point));
  const I z = set_i(zero_point);
  by_width(in, out, n, [&](const float* a, uint8_t* b) { store_bytes(b, quantized(load(a) / s, lo, hi, z)); });
}
template <class T>
void dequantize(const T* in, float* out, int64_t n, float scale, int32_t zero_point) {
  const F s = set(scale), z = set(static_cast<float>(zero_point));
  by_width(in, out, n, [&](const T* a, float* b) { store(b, (load_bytes(a) - z) * s); });
}
void requantize(const int32_t* acc, uint8_t* out, int64_t n, const float* scale, bool per_column, int32_t zero_point,
                int32_t low, int32_t high) {
  if (n <= 0) return;
  const F lo = set(static_cast<float>(low - zero_point)), hi = set(static_cast<float>(high - zero_point)),
          s0 = set(scale[0]);
  const I z = set_i(zero_point);
  for (int64_t i = 0; i < n; i += W) {
    const int64_t c = n - i;
    const F s = per_column ? load_upto(scale + i, c) : s0;
    const I q = quantized(to_float(c >= W ? load_i(acc + i) : load_i_n(acc + i, c)) * s, lo, hi, z);
    uint8_t bytes[W];
    store_bytes(c >= W ? out + i : bytes, q);
    if (c < W) memcpy(out + i, bytes, static_cast<size_t>(c));
  }
}

}  // namespace

extern const RowKernels kRows;
const RowKernels kRows = {{rows_of<Add>(),
                           rows_of<Sub>(),
                           rows_of<Mul>(),
                           rows_of<Div>(),
                           rows_of<Max>(),
                           rows_of<Min>(),
                           {binary<Pow, kVector, kVector>, pow_scalar, binary<Pow, kScalar, kVector>},
                           rows_of<Prelu>()},
                          fma_row,
                          from_half,
                          to_half,
                          from_bfloat16,
                          to_bfloat16,
                          quantize,
                          dequantize<uint8_t>,
                          dequantize<int8_t>,
                          requantize};

}  // namespace tenon::kernels::TENON_ISA
