// Folds of rows and columns, arg max, softmax and the normalisations of a row.
#include "kernels/reduce_kernels.h"
#include "kernels/simd/math.h"

namespace tenon::kernels::TENON_ISA {
namespace {

constexpr float kInf = __builtin_huge_valf();

struct Sum {
  static constexpr float kNeutral = 0;
  TENON_INLINE F map(F v) { return v; }
  TENON_INLINE F join(F a, F b) { return a + b; }
};
struct Squares : Sum {
  TENON_INLINE F map(F v) { return v * v; }
};
struct Magnitudes : Sum {
  TENON_INLINE F map(F v) { return abs(v); }
};
struct Product {
  static constexpr float kNeutral = 1;
  TENON_INLINE F map(F v) { return v; }
  TENON_INLINE F join(F a, F b) { return a * b; }
};
struct Max {
  static constexpr float kNeutral = -kInf;
  TENON_INLINE F map(F v) { return v; }
  TENON_INLINE F join(F a, F b) { return select(is_nan(a), a, max(a, b)); }
};
struct Min {
  static constexpr float kNeutral = kInf;
  TENON_INLINE F map(F v) { return v; }
  TENON_INLINE F join(F a, F b) { return select(is_nan(a), a, min(a, b)); }
};

TENON_INLINE double join_doubles(double a, double b, Sum) { return a + b; }
TENON_INLINE double join_doubles(double a, double b, Product) { return a * b; }
TENON_INLINE double join_doubles(double a, double b, Max) { return a != a || a > b ? a : b; }
TENON_INLINE double join_doubles(double a, double b, Min) { return a != a || a < b ? a : b; }

TENON_INLINE float across(F v, Sum) { return sum(v); }
TENON_INLINE float across(F v, Max) { return any(is_nan(v)) ? __builtin_nanf("") : highest(v); }
TENON_INLINE float across(F v, Min) { return any(is_nan(v)) ? __builtin_nanf("") : lowest(v); }
TENON_INLINE float across(F v, Product) {
  float lane[W];
  store(lane, v);
  for (int i = 1; i < W; ++i) lane[0] *= lane[i];
  return lane[0];
}

template <class Op>
TENON_INLINE double fold_block(const float* x, int64_t n) {
  const F neutral = set(Op::kNeutral);
  F a0 = neutral, a1 = neutral, a2 = neutral, a3 = neutral;
  int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
    a0 = Op::join(a0, Op::map(load(x + i)));
    a1 = Op::join(a1, Op::map(load(x + i + W)));
    a2 = Op::join(a2, Op::map(load(x + i + 2 * W)));
    a3 = Op::join(a3, Op::map(load(x + i + 3 * W)));
  }
  for (; i + W <= n; i += W) a0 = Op::join(a0, Op::map(load(x + i)));
  if (i < n) a1 = Op::join(a1, Op::map(select_first(load_n(x + i, n - i), neutral, n - i)));
  return across(Op::join(Op::join(a0, a1), Op::join(a2, a3)), Op{});
}

template <class Op>
double fold(const float* x, int64_t n) {
  constexpr int64_t kBlock = 4096;
  double r = Op::kNeutral;
  for (int64_t i = 0; i < n; i += kBlock) r = join_doubles(r, fold_block<Op>(x + i, smaller(n - i, kBlock)), Op{});
  return r;
}

// kVectors whole vectors of columns at once, so that wide matrices are read in long runs.
template <class Op, int kVectors>
TENON_INLINE void fold_columns(const float* x, int64_t rows, int64_t stride, float* out, bool add) {
  constexpr int64_t kBlock = 128;  // rows added up before they join the total: keeps the error of long sums small
  F total[kVectors];
  for (int v = 0; v < kVectors; ++v) total[v] = add ? load(out + v * W) : set(Op::kNeutral);
  for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
    const int64_t r1 = r0 + smaller(rows - r0, kBlock);
    F a[kVectors];
    for (int v = 0; v < kVectors; ++v) a[v] = set(Op::kNeutral);
    const float* p = x + r0 * stride;
    for (int64_t r = r0; r < r1; ++r, p += stride)
      for (int v = 0; v < kVectors; ++v) a[v] = Op::join(a[v], Op::map(load(p + v * W)));
    for (int v = 0; v < kVectors; ++v) total[v] = Op::join(total[v], a[v]);
  }
  for (int v = 0; v < kVectors; ++v) store(out + v * W, total[v]);
}

template <class Op>
void fold_rows(const float* x, int64_t rows, int64_t stride, int64_t n, float* out, bool add) {
  int64_t j = 0;
  for (; j + 4 * W <= n; j += 4 * W) fold_columns<Op, 4>(x + j, rows, stride, out + j, add);
  for (; j + W <= n; j += W) fold_columns<Op, 1>(x + j, rows, stride, out + j, add);
  if (j == n) return;
  constexpr int64_t kBlock = 128;
  const int64_t c = n - j;
  F total = add ? load_n(out + j, c) : set(Op::kNeutral);
  for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
    const int64_t r1 = r0 + smaller(rows - r0, kBlock);
    F a = set(Op::kNeutral);
    for (int64_t r = r0; r < r1; ++r) a = Op::join(a, Op::map(load_n(x + r * stride + j, c)));
    total = Op::join(total, a);
  }
  store_n(out + j, total, c);
}

float exp_sum(const float* x, float* y, int64_t n, float top) {
  const F t = set(top);
  F s0 = zero(), s1 = zero();
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    const F a = exp_bounded(load(x + i) - t), b = exp_bounded(load(x + i + W) - t);
    if (y) {
      store(y + i, a);
      store(y + i + W, b);
    }
    s0 = s0 + a;
    s1 = s1 + b;
  }
  for (; i < n; i += W) {
    const int64_t c = n - i;
    const F a = exp_bounded(load_upto(x + i, c) - t);
    if (y) store_upto(y + i, a, c);
    s0 = s0 + (c >= W ? a : select_first(a, zero(), c));
  }
  return sum(s0 + s1);
}

void exp_sum_rows(const float* x, int64_t rows, int64_t stride, int64_t n, const float* top, float* out, bool add) {
  for (int64_t j = 0; j < n; j += W) {
    const int64_t c = n - j;
    const F t = load_upto(top + j, c);
    F a = add ? load_upto(out + j, c) : zero();
    for (int64_t r = 0; r < rows; ++r) a = a + exp_bounded(load_upto(x + r * stride + j, c) - t);
    store_upto(out + j, a, c);
  }
}

void softmax_row(const float* x, float* y, int64_t n, bool log_of) {
  const float top = static_cast<float>(fold<Max>(x, n));
  if (log_of) {
    const F shift = log(set(exp_sum(x, nullptr, n, top))), t = set(top);
    for (int64_t i = 0; i < n; i += W) store_upto(y + i, load_upto(x + i, n - i) - t - shift, n - i);
    return;
  }
  const F inverse = set(1 / exp_sum(x, y, n, top));
  for (int64_t i = 0; i < n; i += W) store_upto(y + i, load_upto(y + i, n - i) * inverse, n - i);
}

void softmax_rows(const float* x, float* y, int64_t rows, int64_t stride, int64_t n, bool log_of) {
  for (int64_t j = 0; j < n; j += W) {
    const int64_t c = n - j;
    const float* p = x + j;
    float* q = y + j;
    F top = set(-kInf), total = zero();
    for (int64_t r = 0; r < rows; ++r) top = Max::join(top, load_upto(p + r * stride, c));
    if (log_of) {
      for (int64_t r = 0; r < rows; ++r) total = total + exp_bounded(load_upto(p + r * stride, c) - top);
      const F shift = log(total);
      for (int64_t r = 0; r < rows; ++r) store_upto(q + r * stride, load_upto(p + r * stride, c) - top - shift, c);
      continue;
    }
    for (int64_t r = 0; r < rows; ++r) {
      const F e = exp_bounded(load_upto(p + r * stride, c) - top);
      total = total + e;
      store_upto(q + r * stride, e, c);
    }
    const F inverse = set(1) / total;
    for (int64_t r = 0; r < rows; ++r) store_upto(q + r * stride, load_upto(q + r * stride, c) * inverse, c);
  }
}

int64_t arg_row(const float* x, int64_t n, bool max_of, bool last) {
  const float best = static_cast<float>(max_of ? fold<Max>(x, n) : fold<Min>(x, n));
  const bool nan = best != best;
  if (last && !nan) {
    for (int64_t i = n - 1; i > 0; --i)  // tuning: 0 is what remains
      if (x[i] == best) return i;
    return 0;
  }
  const F b = set(best);
  int64_t i = 0;
  for (; i + W <= n; i += W) {
    const F v = load(x + i);
    if (any(nan ? is_nan(v) : eq(v, b))) break;
  }
  for (; i < n; ++i)
    if (nan ? x[i] != x[i] : x[i] == best) return i;
  return 0;
}

void arg_rows(const float* x, int64_t rows, int64_t stride, int64_t n, bool max_of, bool last, int64_t* out) {
  for (int64_t j = 0; j < n; j += W) {
    const int64_t c = n - j;
    F best = load_upto(x + j, c);
    I at = set_i(0);
    for (int64_t r = 1; r < rows; ++r) {
      const F v = load_upto(x + r * stride + j, c);
      const F a = max_of ? best : v, b = max_of ? v : best;
      const M better = last ? le(a, b) : lt(a, b);
      const M first_nan = operator_and(is_nan(v), eq(best, best));
      const M take = operator_or(better, first_nan);
      best = select(take, v, best);
      at = select(take, set_i(static_cast<int32_t>(r)), at);
    }
    int32_t index[W];
    store_i(index, at);
    for (int64_t i = 0, last = smaller(W, c); i < last; ++i) out[j + i] = index[i];
  }
}

// Where the row's values are: x itself, or sum or y once skip has been added.
template <bool kCentred>
TENON_INLINE const float* gather_row(const NormRow& a, float& total) {
  F s0 = zero(), s1 = zero();
  if (!a.skip && !a.skip_bias && !a.sum) {
    if (!kCentred) return a.x;
    int64_t i = 0;
    for (; i + 2 * W <= a.n; i += 2 * W) {
      s0 = s0 + load(a.x + i);
      s1 = s1 + load(a.x + i + W);
    }
    for (; i < a.n; i += W) s0 = s0 + load_upto(a.x + i, a.n - i);
    total = sum(s0 + s1);
    return a.x;
  }
  float* v = a.sum ? a.sum : a.y;
  for (int64_t i = 0; i < a.n; i += W) {
    const int64_t c = a.n - i;
    F r = load_upto(a.x + i, c);
    if (a.skip) r = r + load_upto(a.skip + i, c);
    if (a.skip_bias) r = r + load_upto(a.skip_bias + i, c);
    store_upto(v + i, r, c);
    s0 = s0 + r;
  }
  total = sum(s0);
  return v;
}

template <bool kCentred>
NormStats norm(const NormRow& a) {
  float total = 0;
  const float* v = gather_row<kCentred>(a, total);
  const int64_t n = a.n;
  const float count = static_cast<float>(n), mean = kCentred ? total / count : 0.f;
  const F m = set(mean);
  F q0 = zero(), q1 = zero();
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    const F d = load(v + i) - m, e = load(v + i + W) - m;
    q0 = fma(d, d, q0);
    q1 = fma(e, e, q1);
  }
  for (; i < n; i += W) {
    const int64_t c = n - i;
    const F d = c >= W ? load(v + i) - m : select_first(load_n(v + i, c) - m, zero(), c);
    q0 = fma(d, d, q0);
  }
  const float inv = 1 / __builtin_sqrtf(sum(q0 + q1) / count + a.eps);
  const F s = set(inv);
  for (i = 0; i < n; i += W) {
    const int64_t c = n - i;
    F r = (load_upto(v + i, c) - m) * s;
    if (a.scale && a.bias)
      r = fma(r, load_upto(a.scale + i, c), load_upto(a.bias + i, c));
    else if (a.scale)
      r = r * load_upto(a.scale + i, c);
    else if (a.bias)
      r = r + load_upto(a.bias + i, c);
    store_upto(a.y + i, r, c);
  }
  return {mean, inv};
}

}  // namespace

extern const ReduceKernels kReduce;
const ReduceKernels kReduce = {
    {fold<Sum>, fold<Squares>, fold<Magnitudes>, fold<Product>, fold<Max>, fold<Min>},
    {fold_rows<Sum>, fold_rows<Squares>, fold_rows<Magnitudes>, fold_rows<Product>, fold_rows<Max>, fold_rows<Min>},
    exp_sum,
    exp_sum_rows,
    softmax_row,
    softmax_rows,
    arg_row,
    arg_rows,
    norm<true>,
    norm<false>};

}  // namespace tenon::kernels::TENON_ISA
