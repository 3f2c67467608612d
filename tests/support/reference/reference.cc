// Reference GEMM, convolution, attention and functions of one value, as the formulas say.
#include "support/reference/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tenon::reference {

using namespace kernels;

double activate(Activation f, double x, double p0, double p1) {
  if (std::isnan(x)) return x;
  auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  auto softplus = [](double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::fabs(v))); };
  switch (f) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kClip:
      return std::min(std::max(x, p0), p1);
    case Activation::kLeakyRelu:
      return x < 0 ? p0 * x : x;
    case Activation::kElu:
      return x < 0 ? p0 * std::expm1(x) : x;
    case Activation::kSelu:
      return x < 0 ? p1 * p0 * std::expm1(x) : p1 * x;
    case Activation::kCelu:
      return std::max(0.0, x) + std::min(0.0, p0 * std::expm1(x / p0));
    case Activation::kThresholdedRelu:
      return x > p0 ? x : 0;
    case Activation::kSigmoid:
      return sigmoid(x);
    case Activation::kHardSigmoid:
      return std::min(std::max(p0 * x + p1, 0.0), 1.0);
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kGeluErf:
      return std::isinf(x) ? (x > 0 ? x : 0) : 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh: {
      const double t = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
      return std::isinf(x) ? (x > 0 ? x : 0) : x * sigmoid(2 * t);
    }
    case Activation::kQuickGelu:
      return std::isinf(x) ? (x > 0 ? x : 0) : x * sigmoid(p0 * x);
    case Activation::kSilu:
      return std::isinf(x) ? (x > 0 ? x : 0) : x * sigmoid(x);
    case Activation::kHardSwish:
      return std::isinf(x) ? (x > 0 ? x : 0) : x * std::min(std::max(x + 3, 0.0), 6.0) / 6;
    case Activation::kSoftplus:
      return softplus(x);
    case Activation::kSoftsign:
      return std::isinf(x) ? (x > 0 ? 1 : -1) : x / (1 + std::fabs(x));
    case Activation::kMish:
      return std::isinf(x) ? (x > 0 ? x : 0) : x * std::tanh(softplus(x));
  }
  return x;
}

double unary(Unary f, double x) {
  switch (f) {
    case Unary::kAbs:
      return std::fabs(x);
    case Unary::kNeg:
      return -x;
    case Unary::kFloor:
      return std::floor(x);
    case Unary::kCeil:
      return std::ceil(x);
    case Unary::kRound:
      return std::nearbyint(x);
    case Unary::kTrunc:
      return std::trunc(x);
    case Unary::kSign:
      return std::isnan(x) ? x : (x > 0) - (x < 0);
    case Unary::kSqrt:
      return std::sqrt(x);
    case Unary::kRsqrt:
      return 1 / std::sqrt(x);
    case Unary::kReciprocal:
      return 1 / x;
    case Unary::kSquare:
      return x * x;
    case Unary::kExp:
      return std::exp(x);
    case Unary::kExpm1:
      return std::expm1(x);
    case Unary::kLog:
      return std::log(x);
    case Unary::kLog1p:
      return std::log1p(x);
    case Unary::kErf:
      return std::erf(x);
    case Unary::kTanh:
      return std::tanh(x);
    case Unary::kSin:
      return std::sin(x);
    case Unary::kCos:
      return std::cos(x);
  }
  return x;
}

double binary(Binary f, double a, double b) {
  switch (f) {
    case Binary::kAdd:
      return a + b;
    case Binary::kSub:
      return a - b;
    case Binary::kMul:
      return a * b;
    case Binary::kDiv:
      return a / b;
    case Binary::kMax:
      return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b);
    case Binary::kMin:
      return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b);
    case Binary::kPow:
      return std::pow(a, b);
    case Binary::kPrelu:
      return a < 0 ? a * b : a;
  }
  return a;
}

Sums gemm(const GemmArgs& g) {
  Sums out;
  for (int64_t i = 0; i < g.m; ++i)
    for (int64_t j = 0; j < g.n; ++j) {
      double s = 0, mag = 0;
      for (int64_t p = 0; p < g.k; ++p) {
        const double v = static_cast<double>(g.a[i * g.a_row + p * g.a_col]) * g.b[p * g.b_row + j * g.b_col];
        s += v;
        mag += std::fabs(v);
      }
      const Epilogue& e = g.epilogue;
      s *= g.alpha;
      mag *= std::fabs(g.alpha);
      auto add = [&](double v) {
        s += v;
        mag += std::fabs(v);
      };
      if (g.beta != 0) add(static_cast<double>(g.beta) * g.c[i * g.ldc + j]);
      if (e.bias_kind != BiasKind::kNone) add(e.bias[e.bias_kind == BiasKind::kPerRow ? i : j]);
      if (e.residual) add(e.residual[i * e.residual_ld + j]);
      out.value.push_back(activate(e.activation, s, e.p0, e.p1));
      out.magnitude.push_back(mag);
    }
  return out;
}

std::vector<int32_t> gemm_int8(const GemmInt8Args& g) {
  auto at = [](const void* p, bool is_signed, int64_t i) -> int64_t {
    return is_signed ? static_cast<const int8_t*>(p)[i] : static_cast<const uint8_t*>(p)[i];
  };
  std::vector<int32_t> out;
  for (int64_t i = 0; i < g.m; ++i)
    for (int64_t j = 0; j < g.n; ++j) {
      const int64_t za = g.a_zero_rows ? g.a_zero_rows[i] : g.a_zero;
      const int64_t zb = g.b_zero_columns ? g.b_zero_columns[j] : g.b_zero;
      int64_t s = 0;
      for (int64_t p = 0; p < g.k; ++p)
        s += (at(g.a, g.a_signed, i * g.a_row + p * g.a_col) - za) *
             (at(g.b, g.b_signed, p * g.b_row + j * g.b_col) - zb);
      out.push_back(static_cast<int32_t>(s));
    }
  return out;
}

namespace {

struct Grid {  // up to three dims, missing ones are 1
  int64_t d[3] = {1, 1, 1};
  Grid(int rank, const int64_t* v) {
    for (int i = 0; i < rank; ++i) d[i] = v[i];
  }
  int64_t volume() const { return d[0] * d[1] * d[2]; }
};

// Calls f(small position, tap, large position) for every tap of every position: large = small * stride - pad + tap *
// dilation, where it lies inside. A convolution reads the large side; a transposed one writes it.
template <class F>
void each_tap(const ConvShape& s, const Grid& small, const Grid& large, F&& f) {
  const Grid kernel(s.rank, s.kernel), stride(s.rank, s.stride), dilation(s.rank, s.dilation);
  Grid pad(s.rank, s.pad);
  for (int i = s.rank; i < 3; ++i) pad.d[i] = 0;
  for (int64_t i = 0; i < small.volume(); ++i)
    for (int64_t t = 0; t < kernel.volume(); ++t) {
      int64_t ri = i, rt = t, at = 0, scale = 1;
      bool inside = true;
      for (int d = 2; d >= 0; --d) {
        const int64_t p = ri % small.d[d] * stride.d[d] - pad.d[d] + rt % kernel.d[d] * dilation.d[d];
        ri /= small.d[d];
        rt /= kernel.d[d];
        inside = inside && p >= 0 && p < large.d[d];
        at += p * scale;
        scale *= large.d[d];
      }
      if (inside) f(i, t, at);
    }
}

void finish(const ConvArgs& a, int64_t out, Sums& sums) {
  const Epilogue& e = a.epilogue;
  for (size_t i = 0; i < sums.value.size(); ++i) {
    double v = sums.value[i];
    const auto channel = static_cast<int64_t>(i) / out % a.shape.out_channels;
    if (e.bias) v += e.bias[channel], sums.magnitude[i] += std::fabs(e.bias[channel]);
    if (e.residual) v += e.residual[i], sums.magnitude[i] += std::fabs(e.residual[i]);
    sums.value[i] = activate(e.activation, v, e.p0, e.p1);
  }
}

}  // namespace

Sums conv(const ConvArgs& a) {
  const ConvShape& s = a.shape;
  const Grid in(s.rank, s.in), out(s.rank, s.out);
  const int64_t taps = Grid(s.rank, s.kernel).volume();
  const int64_t cg = s.in_channels / s.groups, og = s.out_channels / s.groups;
  Sums sums;
  sums.value.resize(static_cast<size_t>(s.batch * s.out_channels * out.volume()));
  sums.magnitude.resize(sums.value.size());
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t o = 0; o < s.out_channels; ++o)
      for (int64_t c = 0; c < cg; ++c) {
        const float* x = a.x + (b * s.in_channels + o / og * cg + c) * in.volume();
        const float* w = a.w + (o * cg + c) * taps;
        each_tap(s, out, in, [&](int64_t i, int64_t t, int64_t at) {
          const auto y = static_cast<size_t>((b * s.out_channels + o) * out.volume() + i);
          const double v = static_cast<double>(w[t]) * x[at];
          sums.value[y] += v;
          sums.magnitude[y] += std::fabs(v);
        });
      }
  finish(a, out.volume(), sums);
  return sums;
}

Sums conv_transpose(const ConvArgs& a) {
  const ConvShape& s = a.shape;
  const Grid in(s.rank, s.in), out(s.rank, s.out);
  const int64_t taps = Grid(s.rank, s.kernel).volume();
  const int64_t cg = s.in_channels / s.groups, og = s.out_channels / s.groups;
  Sums sums;
  sums.value.resize(static_cast<size_t>(s.batch * s.out_channels * out.volume()));
  sums.magnitude.resize(sums.value.size());
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t o = 0; o < s.out_channels; ++o)
      for (int64_t c = o / og * cg; c < o / og * cg + cg; ++c) {
        const float* x = a.x + (b * s.in_channels + c) * in.volume();
        const float* w = a.w + (c * og + o % og) * taps;
        each_tap(s, in, out, [&](int64_t i, int64_t t, int64_t at) {
          const auto y = static_cast<size_t>((b * s.out_channels + o) * out.volume() + at);
          const double v = static_cast<double>(w[t]) * x[i];
          sums.value[y] += v;
          sums.magnitude[y] += std::fabs(v);
        });
      }
  finish(a, out.volume(), sums);
  return sums;
}

std::vector<double> attention(const AttentionArgs& a) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  std::vector<double> out;  // [batch, heads, q_len, v_dim]
  for (int64_t b = 0; b < a.batch; ++b)
    for (int64_t h = 0; h < a.heads; ++h)
      for (int64_t i = 0; i < a.q_len; ++i) {
        const int64_t g = h / (a.heads / a.kv_heads);
        const float* q = a.q + b * a.q_batch + h * a.q_head + i * a.q_row;
        std::vector<double> s;
        double top = -inf, sum = 0;
        for (int64_t j = 0; j < a.kv_len; ++j) {
          const float* k = a.k + b * a.k_batch + g * a.k_head + j * a.k_row;
          double v = 0;
          for (int64_t d = 0; d < a.head_dim; ++d) v += static_cast<double>(q[d]) * k[d];
          v *= a.scale;
          if (a.softcap > 0) v = a.softcap * std::tanh(v / a.softcap);
          if (a.mask) v += a.mask[b * a.mask_batch + h * a.mask_head + i * a.mask_row + j];
          const int64_t last = i + a.causal_offset;
          const bool hidden = (a.kv_lengths && j >= a.kv_lengths[b]) || (a.causal && j > last) ||
                              (a.window > 0 && j <= last - a.window);
          s.push_back(hidden ? -inf : v);
          top = std::max(top, s.back());
        }
        for (double& v : s) sum += v = std::exp(v - top);
        for (int64_t d = 0; d < a.v_dim; ++d) {
          double v = 0;
          for (int64_t j = 0; j < a.kv_len; ++j) {
            const double p = s[static_cast<size_t>(j)];
            if (p != 0) v += p / sum * a.v[b * a.v_batch + g * a.v_head + j * a.v_row + d];
          }
          out.push_back(top == -inf ? a.empty_row_value : v);
        }
      }
  return out;
}

}  // namespace tenon::reference
