// Functions of a vector of floats: exp, log, erf, tanh, sin, ... with the error bounds that rows.h states.
// Polynomials are minimax fits in relative error on the reduced range, made with 64-bit arithmetic.
#pragma once
#include "kernels/simd/vec.h"

namespace tenon::kernels::TENON_ISA {

// c[0] + c[1] x + ...
template <int N>
TENON_INLINE F poly(F x, const float (&c)[N]) {
  F v = set(c[N - 1]);
  for (int i = N - 2; i >= 0; --i) v = fma(v, x, set(c[i]));
  return v;
}

// 2^n for whole n in [-126, 127].
TENON_INLINE F power_of_two(I n) { return as_float(shl<23>(add(n, set_i(127)))); }
// p 2^n with one rounding in effect: n may leave the normal range on either side, so it is applied in two halves.
TENON_INLINE F scale_by(F p, F n) {
#if defined(__AVX512F__)
  return scale2(p, n);
#else
  const I whole_n = to_int(n), half = shr<1>(whole_n);
  return p * power_of_two(half) * power_of_two(sub(whole_n, half));
#endif
}

// e^r - 1 for |r| <= ln(2) / 2.
TENON_INLINE F expm1_core(F r) {
  constexpr float c[] = {5.e-01f, 1.6666667e-01f, 4.166635e-02f, 8.333272e-03f, 1.3941216e-03f, 1.9914459e-04f};
  return fma(r * r, poly(r, c), r);
}
// x = n ln 2 + r: gives n, leaves r in x.
TENON_INLINE F split_ln2(F& x) {
  const F n = round(x * set(1.44269504f));
  x = fnma(n, set(0.693359375f), x);
  x = fnma(n, set(-2.1219444e-4f), x);
  return n;
}

// e^x for x below 89.
TENON_INLINE F exp_bounded(F x) {
  x = max(set(-104.f), x);  // this order keeps NaN
  const F n = split_ln2(x);
  constexpr float c[] = {5.e-01f, 1.6666667e-01f, 4.1666266e-02f, 8.333264e-03f, 1.3946301e-03f, 1.991869e-04f};
  const F p = fma(x * x, poly(x, c), x) + set(1);
  return scale_by(p, n);
}
TENON_INLINE F exp(F x) { return exp_bounded(min(set(89.f), x)); }

TENON_INLINE F expm1(F x0) {
  F x = min(set(89.f), max(set(-30.f), x0));
  const F n = split_ln2(x);
  const F p = expm1_core(x);
  const F t = power_of_two(to_int(max(n - set(1), set(-126))));  // half of 2^n, which alone might overflow
  const F v = fma(p, t, t - set(0.5f)) * set(2);
  // n = 0: exact for tiny x, and -0 keeps its sign. NaN went through to_int above: give it back.
  const F near_zero = select(eq(x0, zero()), x0, p);
  return select(is_nan(x0), x0, select(eq(n, zero()), near_zero, v));
}

// log(m 2^e) for m in [sqrt(1/2), sqrt(2)), f = m - 1, with `low` added to the result before the last rounding.
TENON_INLINE F log_core(F f, F e, F low) {
  constexpr float c[] = {3.3333313e-01f,  -2.500001e-01f, 2.0002134e-01f,  -1.6668007e-01f, 1.4219223e-01f,
                         -1.2405134e-01f, 1.1890328e-01f, -1.1679665e-01f, 6.7466035e-02f};
  const F f2 = f * f;
  F v = fma(f2 * f, poly(f, c), fma(e, set(-2.1219444e-4f), low));
  v = fnma(set(0.5f), f2, v) + f;
  return fma(e, set(0.693359375f), v);
}
// x = m 2^e with m in [sqrt(1/2), sqrt(2)); x positive and normal.
TENON_INLINE F split_exponent(F x, F& e) {
  const I b = bits(x), shifted = sub(b, set_i(0x3f3504f3));
  e = to_float(shr<23>(shifted));
  return as_float(add(bit_and(shifted, set_i(0x7fffff)), set_i(0x3f3504f3)));
}
TENON_INLINE F log_edges(F x, F v) {  // x <= 0, infinity, NaN
  const F inf = as_float(set_i(0x7f800000));
  v = select(lt(x, inf), v, x + inf);  // infinity and NaN
  v = select(eq(x, zero()), neg(inf), v);
  return select(lt(x, zero()), as_float(set_i(0x7fc00000)), v);
}
TENON_INLINE F log(F x) {
  const M tiny = lt(x, set(1.17549435e-38f));
  const F scaled = select(tiny, x * set(33554432.f), x);
  F e;
  const F m = split_exponent(scaled, e);
  e = select(tiny, e - set(25), e);
  return log_edges(x, log_core(m - set(1), e, zero()));
}
TENON_INLINE F log1p(F x) {
  const F u = x + set(1);
  F e;
  const F m = split_exponent(u, e);
  // What the sum above lost, as a relative correction of u.
  const F lost = select(lt(x, set(1)), x - (u - set(1)), set(1) - (u - x)), low = lost / u;
  F v = log_core(m - set(1), e, low);
  v = select(lt(abs(x), set(1e-5f)), fnma(set(0.5f) * x, x, x), v);
  return log_edges(u, v);
}

TENON_INLINE F tanh(F x) {
  const F t0 = min(set(20), max(set(-20), x + x));
  F t = abs(t0);
  const F n = split_ln2(t);
  const F p = expm1_core(t), s = power_of_two(to_int(n));
  const F em1 = fma(p, s, s - set(1));
  const F v = em1 / (em1 + set(2));
  return select(is_nan(x), x, bit_or(v, sign_of(x)));
}

TENON_INLINE F sigmoid(F x) {
  const F e = exp_bounded(neg(abs(x)));  // never overflows; small results keep their digits
  return select(lt(x, zero()), e, select(is_nan(x), x, set(1))) / (set(1) + e);
}

constexpr float kErfSplit = 0.9f, kErfEnd = 4.2f;
// erf(z) for |z| <= kErfSplit
TENON_INLINE F erf_small(F z) {
  constexpr float c[] = {1.1283792e+00f, -3.7612635e-01f, 1.12837195e-01f, -2.6860753e-02f,
                         5.204436e-03f,  -8.181928e-04f,  8.538842e-05f};
  return z * poly(z * z, c);
}
// erfc(z) for z >= kErfSplit; 0 beyond kErfEnd, where it is below 3e-9
TENON_INLINE F erfc_large(F z) {
  constexpr float c[] = {2.5077377e-04f, -1.1299171e+00f, -6.324398e-01f,  -1.0941849e-01f, 2.5988247e-02f,
                         -4.583669e-03f, 5.5345567e-04f,  -4.0137376e-05f, 1.2939389e-06f};
  return select(lt(set(kErfEnd), z), zero(), exp_bounded(poly(min(set(kErfEnd), z), c)));
}
TENON_INLINE F erf(F x) {
  const F z = abs(x);
  const F large = bit_or(set(1) - erfc_large(z), sign_of(x));
  return select(lt(set(kErfSplit), z), large, erf_small(x));
}
TENON_INLINE F gelu_erf(F x) {
  const F z = x * set(0.70710678f), size = abs(z), e = erfc_large(size), h = set(0.5f) * x;
  const F near = fma(h, erf_small(z), h);
  const F far = select(lt(x, zero()), e, set(2) - e);
  // infinities: 0 * -inf would be NaN
  const F v = select(lt(set(kErfSplit), size), select(lt(x, set(-6)), neg(zero()), h * far), near);
  return v;
}

TENON_INLINE F softplus(F x) { return log1p(exp_bounded(neg(abs(x)))) + max(zero(), x); }

// sin (quarter = 0) or cos (quarter = 1) for |x| <= 1e4.
TENON_INLINE F sin_quarter(F x, int quarter) {
  const F n = round(x * set(0.636619772f));
  F r = fnma(n, set(1.5703125f), x);  // the parts of pi / 2 have few bits: each product is exact without FMA too
  r = fnma(n, set(4.8398972e-4f), r);
  r = fnma(n, set(-1.6298145e-7f), r);
  r = fnma(n, set(6.0771006e-11f), r);
  const F r2 = r * r;
  constexpr float cs[] = {-1.6666667e-01f, 8.333329e-03f, -1.9839327e-04f, 2.7182373e-06f};
  constexpr float cc[] = {4.1666668e-02f, -1.3888883e-03f, 2.4799512e-05f, -2.7209546e-07f};
  const F s = fma(r2 * r, poly(r2, cs), r);
  const F c = fma(r2 * r2, poly(r2, cc), fnma(set(0.5f), r2, set(1)));
  const I q = add(to_int(n), set_i(quarter));
  const F v = select(eq(bit_and(q, set_i(1)), set_i(0)), s, c);
  return bit_xor(v, as_float(shl<30>(bit_and(q, set_i(2)))));
}
template <int kQuarter>
TENON_INLINE F sin_cos(F x) {
  F v = sin_quarter(x, kQuarter);
  const M far = operator_or(lt(set(1e4f), abs(x)), is_nan(x));
  if (any(far)) {
    float in[W], out[W];
    store(in, x);
    store(out, v);
    for (int i = 0; i < W; ++i)
      if (!(__builtin_fabsf(in[i]) <= 1e4f)) out[i] = kQuarter ? __builtin_cosf(in[i]) : __builtin_sinf(in[i]);
    v = load(out);
  }
  return kQuarter ? v : select(eq(x, zero()), x, v);
}

}  // namespace tenon::kernels::TENON_ISA
