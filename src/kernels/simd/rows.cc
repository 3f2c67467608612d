// Row kernels of one operand: unary functions and activations.
#include "kernels/row_kernels.h"
#include "kernels/simd/math.h"

namespace tenon::kernels::TENON_ISA {
namespace {

// The tail goes through the same vector function as the rest, so a value's result never depends on its place.
template <class Op>
void unary(const float* in, float* out, int64_t n) {
  int64_t i = 0;
  for (; i + W <= n; i += W) store(out + i, Op::f(load(in + i)));
  if (i < n) store_n(out + i, Op::f(load_n(in + i, n - i)), n - i);
}
template <class Op>
void activation(const float* in, float* out, int64_t n, float p0, float p1) {
  const F a = set(p0), b = set(p1);
  int64_t i = 0;
  for (; i + W <= n; i += W) store(out + i, Op::f(load(in + i), a, b));
  if (i < n) store_n(out + i, Op::f(load_n(in + i, n - i), a, b), n - i);
}

#define TENON_UNARY(name, expression)            \
  struct name {                                  \
    TENON_INLINE F f(F x) { return expression; } \
  };
TENON_UNARY(Abs, abs(x))
TENON_UNARY(Neg, neg(x))
TENON_UNARY(Floor, floor(x))
TENON_UNARY(Ceil, ceil(x))
TENON_UNARY(Round, round(x))
TENON_UNARY(Trunc, trunc(x))
TENON_UNARY(Sign, select(eq(x, zero()), zero(), select(is_nan(x), x, bit_or(set(1), sign_of(x)))))
TENON_UNARY(Sqrt, sqrt(x))
TENON_UNARY(Rsqrt, set(1) / sqrt(x))
TENON_UNARY(Reciprocal, set(1) / x)
TENON_UNARY(Square, x* x)
TENON_UNARY(Exp, exp(x))
TENON_UNARY(Expm1, expm1(x))
TENON_UNARY(Log, log(x))
TENON_UNARY(Log1p, log1p(x))
TENON_UNARY(Erf, erf(x))
TENON_UNARY(Tanh, tanh(x))
TENON_UNARY(Sin, sin_cos<0>(x))
TENON_UNARY(Cos, sin_cos<1>(x))
#undef TENON_UNARY

// x times a weight in [0, 1] that is 0 at -infinity.
TENON_INLINE F weighted(F x, F w) { return select(eq(w, zero()), bit_and(w, x), x * w); }

#define TENON_ACTIVATION(name, expression)                                                     \
  struct name {                                                                                \
    TENON_INLINE F f(F x, [[maybe_unused]] F p0, [[maybe_unused]] F p1) { return expression; } \
  };
TENON_ACTIVATION(None, x)
TENON_ACTIVATION(Relu, max(zero(), x))
TENON_ACTIVATION(Clip, min(p1, max(p0, x)))
TENON_ACTIVATION(LeakyRelu, select(lt(x, zero()), p0* x, x))
TENON_ACTIVATION(Elu, select(lt(x, zero()), p0* expm1(x), x))
TENON_ACTIVATION(Selu, p1* select(lt(x, zero()), p0* expm1(x), x))
TENON_ACTIVATION(Celu, max(zero(), x) + min(zero(), p0* expm1(x / p0)))
TENON_ACTIVATION(ThresholdedRelu, select(lt(p0, x), x, select(is_nan(x), x, zero())))
TENON_ACTIVATION(Sigmoid, sigmoid(x))
TENON_ACTIVATION(HardSigmoid, min(set(1), max(zero(), p0* x + p1)))
TENON_ACTIVATION(TanhOf, tanh(x))
TENON_ACTIVATION(GeluErf, gelu_erf(x))
TENON_ACTIVATION(GeluTanh, weighted(x, sigmoid(set(1.5957691216f) * fma(set(0.044715f) * x * x, x, x))))
TENON_ACTIVATION(QuickGelu, weighted(x, sigmoid(p0* x)))
TENON_ACTIVATION(Silu, weighted(x, sigmoid(x)))
TENON_ACTIVATION(HardSwish, weighted(x, min(set(6), max(zero(), x + set(3))) / set(6)))
TENON_ACTIVATION(Softplus, softplus(x))
TENON_ACTIVATION(Softsign,
                 select(eq(abs(x), as_float(set_i(0x7f800000))), bit_or(set(1), sign_of(x)), x / (set(1) + abs(x))))
TENON_ACTIVATION(Mish, weighted(x, tanh(softplus(x))))
#undef TENON_ACTIVATION

}  // namespace

extern const UnaryKernels kUnary;
const UnaryKernels kUnary = {
    {unary<Abs>, unary<Neg>, unary<Floor>, unary<Ceil>, unary<Round>, unary<Trunc>, unary<Sign>, unary<Sqrt>,
     unary<Rsqrt>, unary<Reciprocal>, unary<Square>, unary<Exp>, unary<Expm1>, unary<Log>, unary<Log1p>, unary<Erf>,
     unary<Tanh>, unary<Sin>, unary<Cos>},
    {activation<None>, activation<Relu>, activation<Clip>, activation<LeakyRelu>, activation<Elu>, activation<Selu>,
     activation<Celu>, activation<ThresholdedRelu>, activation<Sigmoid>, activation<HardSigmoid>, activation<TanhOf>,
     activation<GeluErf>, activation<GeluTanh>, activation<QuickGelu>, activation<Silu>, activation<HardSwish>,
     activation<Softplus>, activation<Softsign>, activation<Mish>}};

}  // namespace tenon::kernels::TENON_ISA
