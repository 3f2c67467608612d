// Plain loops behind the kernel interfaces, until the vector kernels replace them one by one.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/attention.h"
#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/gemm_generic.h"
#include "kernels/gemm_half.h"
#include "kernels/gemm_int8.h"
#include "kernels/pool.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/transpose.h"

namespace tenon::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

float activate(Activation f, float x, float p0, float p1) {
  if (x != x) return x;
  switch (f) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return std::max(x, 0.f);
    case Activation::kClip:
      return std::min(std::max(x, p0), p1);
    case Activation::kLeakyRelu:
      return x < 0 ? p0 * x : x;
    case Activation::kElu:
      return x < 0 ? p0 * std::expm1(x) : x;
    case Activation::kSelu:
      return x < 0 ? p1 * p0 * std::expm1(x) : p1 * x;
    case Activation::kCelu:
      return std::max(0.f, x) + std::min(0.f, p0 * std::expm1(x / p0));
    case Activation::kThresholdedRelu:
      return x > p0 ? x : 0;
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::kHardSigmoid:
      return std::min(std::max(p0 * x + p1, 0.f), 1.f);
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kGeluErf:
      return 0.5f * x * (1 + std::erf(x * 0.70710678f));
    case Activation::kGeluTanh:
      return 0.5f * x * (1 + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x)));
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-p0 * x));
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kHardSwish:
      return x * std::min(std::max(x + 3, 0.f), 6.f) / 6;
    case Activation::kSoftplus:
      return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    case Activation::kSoftsign:
      return x / (1 + std::fabs(x));
    case Activation::kMish:
      return x * std::tanh(x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)));
  }
  return x;
}

}  // namespace

// ---- GEMM

template <class T>
void gemm_generic(const GenericGemm<T>& g, const Parallel& par) {
  par.loop(g.m, static_cast<double>(g.n * g.k), [&](int64_t i0, int64_t i1) {
    for (int64_t i = i0; i < i1; ++i)
      for (int64_t j = 0; j < g.n; ++j) {
        T s = 0;
        for (int64_t p = 0; p < g.k; ++p) s += g.a[i * g.a_row + p * g.a_col] * g.b[p * g.b_row + j * g.b_col];
        T& c = g.c[i * g.ldc + j];
        c = g.beta != 0 ? g.alpha * s + g.beta * c : g.alpha * s;
      }
  });
}
template void gemm_generic(const GenericGemm<double>&, const Parallel&);
template void gemm_generic(const GenericGemm<int32_t>&, const Parallel&);
template void gemm_generic(const GenericGemm<uint32_t>&, const Parallel&);
template void gemm_generic(const GenericGemm<int64_t>&, const Parallel&);
template void gemm_generic(const GenericGemm<uint64_t>&, const Parallel&);

namespace {
int32_t byte_at(const void* p, bool is_signed, int64_t i) {
  return is_signed ? static_cast<const int8_t*>(p)[i] : static_cast<const uint8_t*>(p)[i];
}
float half_at(DType t, const void* p, int64_t i) {
  return t == DType::kFloat16 ? to_float(static_cast<const Half*>(p)[i]) : to_float(static_cast<const BFloat16*>(p)[i]);
}
}  // namespace

size_t packed_b_int8_bytes(int64_t k, int64_t n, const KernelTable&) { return static_cast<size_t>(k * n); }
void pack_b_int8(const void* b, bool b_signed, int64_t b_row, int64_t b_col, int64_t k, int64_t n, void* dst,
                 const KernelTable&) {
  for (int64_t p = 0; p < k; ++p)
    for (int64_t j = 0; j < n; ++j)
      static_cast<uint8_t*>(dst)[p * n + j] = static_cast<uint8_t>(byte_at(b, b_signed, p * b_row + j * b_col));
}
void gemm_int8(const GemmInt8Args& g, const Parallel& par, const KernelTable&) {
  const void* b = g.packed_b ? g.packed_b : g.b;
  const int64_t b_row = g.packed_b ? g.n : g.b_row, b_col = g.packed_b ? 1 : g.b_col;
  par.loop(g.m, static_cast<double>(g.n * g.k), [&](int64_t i0, int64_t i1) {
    for (int64_t i = i0; i < i1; ++i)
      for (int64_t j = 0; j < g.n; ++j) {
        const int32_t za = g.a_zero_rows ? g.a_zero_rows[i] : g.a_zero;
        const int32_t zb = g.b_zero_columns ? g.b_zero_columns[j] : g.b_zero;
        uint32_t s = 0;
        for (int64_t p = 0; p < g.k; ++p)
          s += static_cast<uint32_t>((byte_at(g.a, g.a_signed, i * g.a_row + p * g.a_col) - za) *
                                     (byte_at(b, g.b_signed, p * b_row + j * b_col) - zb));
        g.c[i * g.ldc + j] = static_cast<int32_t>(s);
      }
  });
}
void gemm_half(const GemmHalfArgs& g, const Parallel& par, const KernelTable&) {
  const Epilogue& e = g.epilogue;
  par.loop(g.m, static_cast<double>(g.n * g.k), [&](int64_t i0, int64_t i1) {
    for (int64_t i = i0; i < i1; ++i)
      for (int64_t j = 0; j < g.n; ++j) {
        float s = 0;
        for (int64_t p = 0; p < g.k; ++p)
          s += half_at(g.type, g.a, i * g.a_row + p * g.a_col) * half_at(g.type, g.b, p * g.b_row + j * g.b_col);
        s *= g.alpha;
        if (g.beta != 0) s += g.beta * half_at(g.type, g.c, i * g.ldc + j);
        if (e.bias_kind != BiasKind::kNone) s += e.bias[e.bias_kind == BiasKind::kPerRow ? i : j];
        s = activate(e.activation, s, e.p0, e.p1);
        if (g.type == DType::kFloat16)
          static_cast<Half*>(g.c)[i * g.ldc + j] = to_half(s);
        else
          static_cast<BFloat16*>(g.c)[i * g.ldc + j] = to_bfloat16(s);
      }
  });
}

// ---- Convolution and pooling

namespace {
struct Window {  // kernel positions of one output position
  template <class F>
  static void each(int rank, const int64_t* in, const int64_t* kernel, const int64_t* stride, const int64_t* dilation,
                   const int64_t* pad, const int64_t* at, F&& f) {
    int64_t r[kMaxSpatial] = {1, 1, 1};
    for (int d = 0; d < rank; ++d) r[d] = kernel[d];
    int64_t tap = 0;
    for (int64_t a = 0; a < r[0]; ++a)
      for (int64_t b = 0; b < r[1]; ++b)
        for (int64_t c = 0; c < r[2]; ++c, ++tap) {
          const int64_t t[] = {a, b, c};
          int64_t index = 0;
          bool inside = true;
          int64_t pos[kMaxSpatial] = {0, 0, 0};
          for (int d = 0; d < rank; ++d) {
            pos[d] = at[d] * stride[d] - pad[d] + t[d] * dilation[d];
            inside = inside && pos[d] >= 0 && pos[d] < in[d];
            index = index * in[d] + pos[d];
          }
          f(tap, inside ? index : -1, pos);
        }
  }
};
int64_t volume(int rank, const int64_t* d) {
  int64_t v = 1;
  for (int i = 0; i < rank; ++i) v *= d[i];
  return v;
}
void unflatten(int rank, const int64_t* dims, int64_t i, int64_t* at) {
  for (int d = rank - 1; d >= 0; --d) {
    at[d] = i % dims[d];
    i /= dims[d];
  }
}
}  // namespace

void max_pool(const PoolArgs& a, int64_t* indices, bool column_major, const Parallel& par, const KernelTable&) {
  const int64_t in = volume(a.rank, a.in), out = volume(a.rank, a.out);
  par.loop(a.planes, static_cast<double>(out * volume(a.rank, a.kernel)), [&](int64_t p0, int64_t p1) {
    for (int64_t p = p0; p < p1; ++p)
      for (int64_t i = 0; i < out; ++i) {
        int64_t at[kMaxSpatial];
        unflatten(a.rank, a.out, i, at);
        float best = -kInf;
        int64_t where = -1;
        Window::each(a.rank, a.in, a.kernel, a.stride, a.dilation, a.pad, at,
                     [&](int64_t, int64_t index, const int64_t* pos) {
                       if (index < 0) return;
                       const float v = a.x[p * in + index];
                       if (where >= 0 && !(v > best) && !(v != v && best == best)) return;
                       best = v;
                       where = index;
                       if (column_major) {
                         where = 0;
                         for (int d = a.rank - 1; d >= 0; --d) where = where * a.in[d] + pos[d];
                       }
                     });
        a.y[p * out + i] = best;
        if (indices) indices[p * out + i] = p * in + where;
      }
  });
}
void average_pool(const PoolArgs& a, bool include_pad, const Parallel& par, const KernelTable&) {
  const int64_t in = volume(a.rank, a.in), out = volume(a.rank, a.out);
  par.loop(a.planes, static_cast<double>(out * volume(a.rank, a.kernel)), [&](int64_t p0, int64_t p1) {
    for (int64_t p = p0; p < p1; ++p)
      for (int64_t i = 0; i < out; ++i) {
        int64_t at[kMaxSpatial];
        unflatten(a.rank, a.out, i, at);
        float sum = 0;
        int64_t count = 0;
        Window::each(a.rank, a.in, a.kernel, a.stride, a.dilation, a.pad, at,
                     [&](int64_t, int64_t index, const int64_t* pos) {
                       if (index >= 0) sum += a.x[p * in + index];
                       bool counts = include_pad || index >= 0;
                       for (int d = 0; d < a.rank; ++d) counts = counts && pos[d] < a.in[d] + a.pad_end[d];
                       count += counts;
                     });
        a.y[p * out + i] = sum / static_cast<float>(count);
      }
  });
}
void lp_pool(const PoolArgs& a, int64_t power, const Parallel& par, const KernelTable&) {
  const int64_t in = volume(a.rank, a.in), out = volume(a.rank, a.out);
  par.loop(a.planes, static_cast<double>(out * volume(a.rank, a.kernel)), [&](int64_t p0, int64_t p1) {
    for (int64_t p = p0; p < p1; ++p)
      for (int64_t i = 0; i < out; ++i) {
        int64_t at[kMaxSpatial];
        unflatten(a.rank, a.out, i, at);
        double sum = 0;
        Window::each(a.rank, a.in, a.kernel, a.stride, a.dilation, a.pad, at,
                     [&](int64_t, int64_t index, const int64_t*) {
                       if (index >= 0) sum += std::pow(std::fabs(a.x[p * in + index]), static_cast<double>(power));
                     });
        a.y[p * out + i] = static_cast<float>(std::pow(sum, 1.0 / static_cast<double>(power)));
      }
  });
}

// ---- Reductions

// ---- Movement

void copy_strided(const void* in, std::span<const int64_t> is, void* out, std::span<const int64_t> os,
                  std::span<const int64_t> dims, size_t elem, const Parallel&, const KernelTable&) {
  int64_t count = 1;
  for (int64_t d : dims) count *= d;
  const int64_t e = static_cast<int64_t>(elem);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, a = 0, b = 0;
    for (size_t d = dims.size(); d-- > 0;) {
      a += rest % dims[d] * is[d];
      b += rest % dims[d] * os[d];
      rest /= dims[d];
    }
    std::memcpy(static_cast<char*>(out) + b * e, static_cast<const char*>(in) + a * e, elem);
  }
}
void transpose(const void* in, void* out, size_t elem, std::span<const int64_t> dims, std::span<const int64_t> perm,
               const Parallel& par, const KernelTable& table) {
  const size_t r = dims.size();
  std::vector<int64_t> stride(r), is(r), os(r), od(r);
  for (size_t d = r, s = 1; d-- > 0; s *= static_cast<size_t>(dims[d])) stride[d] = static_cast<int64_t>(s);
  for (size_t d = r, s = 1; d-- > 0; s *= static_cast<size_t>(od[d])) {
    od[d] = dims[static_cast<size_t>(perm[d])];
    is[d] = stride[static_cast<size_t>(perm[d])];
    os[d] = static_cast<int64_t>(s);
  }
  copy_strided(in, is, out, os, od, elem, par, table);
}

void attention(const AttentionArgs& a, const Parallel& par, const KernelTable&) {
  par.loop(a.batch * a.heads * a.q_len, static_cast<double>(a.kv_len * (a.head_dim + a.v_dim)),
           [&](int64_t r0, int64_t r1) {
             std::vector<float> s(static_cast<size_t>(a.kv_len));
             for (int64_t r = r0; r < r1; ++r) {
               const int64_t i = r % a.q_len, h = r / a.q_len % a.heads, b = r / a.q_len / a.heads;
               const int64_t g = h / (a.heads / a.kv_heads);
               const float* q = a.q + b * a.q_batch + h * a.q_head + i * a.q_row;
               const int64_t len = a.kv_lengths ? std::min<int64_t>(a.kv_len, a.kv_lengths[b]) : a.kv_len;
               float top = -kInf, sum = 0;
               for (int64_t j = 0; j < len; ++j) {
                 const float* k = a.k + b * a.k_batch + g * a.k_head + j * a.k_row;
                 float v = 0;
                 for (int64_t d = 0; d < a.head_dim; ++d) v += q[d] * k[d];
                 v *= a.scale;
                 if (a.softcap > 0) v = a.softcap * std::tanh(v / a.softcap);
                 if (a.mask) v += a.mask[b * a.mask_batch + h * a.mask_head + i * a.mask_row + j];
                 const int64_t last = i + a.causal_offset;
                 if ((a.causal && j > last) || (a.window > 0 && j <= last - a.window)) v = -kInf;
                 s[static_cast<size_t>(j)] = v;
                 top = std::max(top, v);
               }
               float* out = a.out + b * a.out_batch + h * a.out_head + i * a.out_row;
               if (top == -kInf) {
                 std::fill(out, out + a.v_dim, a.empty_row_value);
                 continue;
               }
               std::fill(out, out + a.v_dim, 0.f);
               for (int64_t j = 0; j < len; ++j) {
                 const float p = std::exp(s[static_cast<size_t>(j)] - top);
                 sum += p;
                 const float* v = a.v + b * a.v_batch + g * a.v_head + j * a.v_row;
                 for (int64_t d = 0; d < a.v_dim; ++d) out[d] += p * v[d];
               }
               for (int64_t d = 0; d < a.v_dim; ++d) out[d] /= sum;
             }
           });
}

}  // namespace tenon::kernels
