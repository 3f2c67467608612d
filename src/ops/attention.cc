// Attention's operands and its two ways to run.
#include "ops/attention.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "ops/any_gemm.h"

namespace tenon::ops::attention {
namespace {

/// Row i sees keys j with i + offset - left <= j <= i + offset + right, in the kernel's terms.
void set_lines(kernels::AttentionArgs& k, const Rules& rules, int64_t offset) {
  if (rules.right < 0 && rules.left < 0) return;
  const int64_t reach = rules.right >= 0 ? rules.right : k.kv_len + k.q_len;  // beyond every key
  k.causal = true;
  k.causal_offset = offset + reach;
  k.window = rules.left >= 0 ? rules.left + reach + 1 : 0;
}

template <class T>
void add_mask(const Call<T>& a, const Rules& rules, int64_t b, int64_t h, int64_t i, T* s) {
  const T* m = a.mask.data ? a.mask.data + b * a.mask.batch + h * a.mask.head + i * a.mask.row : nullptr;
  const int64_t here = i + a.offset(b);
  for (int64_t j = 0; j < a.k.length; ++j) {
    const bool open = (rules.right < 0 || j <= here + rules.right) && (rules.left < 0 || j >= here - rules.left) &&
                      (!a.lengths || j < a.lengths[b]);
    if (!open)
      s[j] = -std::numeric_limits<T>::infinity();
    else if (m)
      s[j] += m[j];
  }
}

/// A row without any open key becomes 0.
template <class T>
void softmax_row(T* s, int64_t n) {
  T top = -std::numeric_limits<T>::infinity(), sum = 0;
  for (int64_t j = 0; j < n; ++j) top = std::max(top, s[j]);
  if (top == -std::numeric_limits<T>::infinity()) return std::fill_n(s, n, T{0}), void();
  for (int64_t j = 0; j < n; ++j) sum += s[j] = std::exp(s[j] - top);
  for (int64_t j = 0; j < n; ++j) s[j] /= sum;
}

}  // namespace

template <class T>
Heads<T> load_cache(KernelContext& c, size_t i, size_t past, size_t present, int64_t heads,
                    const kernels::KernelTable& table, std::optional<ResultAs<T>>& result) {
  const TensorRef& t = c.input(i);
  return extend_cache(c, Heads<T>::of(t, load_as<T>(c, t, table), heads), t.dim[0], past, present, table, result);
}

template <class T>
Heads<T> extend_cache(KernelContext& c, const Heads<T>& now, int64_t batch, size_t past, size_t present,
                      const kernels::KernelTable& table, std::optional<ResultAs<T>>& result) {
  if (!c.has_input(past) && !c.has_output(present)) return now;
  const int64_t old = c.has_input(past) ? c.input(past).dim[2] : 0;
  const T* old_data = load_as<T>(c, past, table);
  Heads<T> all = now;
  all.length = old + now.length;
  all.row_step = all.width;
  all.head_step = all.length * all.width;
  all.batch_step = all.heads * all.head_step;
  T* out;
  if (c.has_output(present)) {
    result.emplace(c, c.output(present), table);
    out = result->data();
  } else {
    out = c.scratch<T>(batch * all.batch_step);
  }
  all.data = out;
  c.par.loop(batch * all.heads, 0.2 * static_cast<double>(all.head_step), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      T* to = out + p * all.head_step;
      if (old > 0) std::memcpy(to, old_data + p * old * all.width, static_cast<size_t>(old * all.width) * sizeof(T));
      for (int64_t r = 0; r < now.length; ++r)
        std::memcpy(to + (old + r) * all.width, now.row(p / all.heads, p % all.heads, r),
                    static_cast<size_t>(all.width) * sizeof(T));
    }
  });
  return all;
}

template <class T>
Mask<T> load_mask(KernelContext& c, int64_t keys, const kernels::KernelTable& table) {
  if (!c.has_input(kMask)) return {};
  const TensorRef& t = c.input(kMask);
  const int64_t own = t.dim[t.rank - 1], rows = own > 0 ? t.count / own : extent(t.dims(), 0, t.rank - 1);
  Mask<T> m;
  m.data = load_as<T>(c, t, table);
  if (t.dtype == DType::kBool || own != keys) {
    T* full = c.scratch<T>(rows * keys);
    const T closed = -std::numeric_limits<T>::infinity();
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < keys; ++j) {
        const T v = j < own ? m.data[r * own + j] : closed;
        full[r * keys + j] = t.dtype != DType::kBool || j >= own ? v : v != 0 ? T{0} : closed;
      }
    m.data = full;
  }
  int64_t step = keys;
  int64_t* const strides[] = {&m.row, &m.head, &m.batch};
  for (size_t i = 0; i + 1 < t.rank; ++i) {
    const int64_t dim = t.dim[t.rank - 2 - i];
    *strides[i] = dim == 1 ? 0 : step;
    step *= dim;
  }
  return m;
}

const int32_t* load_lengths(KernelContext& c, int64_t keys) {
  if (!c.has_input(kLengths)) return nullptr;
  const TensorRef& t = c.input(kLengths);
  int32_t* out = c.scratch<int32_t>(t.count);
  for (int64_t b = 0; b < t.count; ++b) {
    const int64_t n = t.as<int64_t>()[b];
    if (n < 0 || n > keys) fail("nonpad_kv_seqlen[{}] is {}, expected a value in [0, {}]", b, n, keys);
    out[b] = static_cast<int32_t>(n);
  }
  return out;
}

void run_fused(const Parallel& par, const Call<float>& a, const Rules& rules, float* out,
               const kernels::KernelTable& table) {
  kernels::AttentionArgs k;
  k.batch = a.batch, k.heads = a.q.heads, k.kv_heads = a.k.heads;
  k.q_len = a.q.length, k.kv_len = a.k.length, k.head_dim = a.q.width, k.v_dim = a.v.width;
  k.q = a.q.data, k.q_batch = a.q.batch_step, k.q_head = a.q.head_step, k.q_row = a.q.row_step;
  k.k = a.k.data, k.k_batch = a.k.batch_step, k.k_head = a.k.head_step, k.k_row = a.k.row_step;
  k.v = a.v.data, k.v_batch = a.v.batch_step, k.v_head = a.v.head_step, k.v_row = a.v.row_step;
  k.out = out, k.out_batch = a.out_batch, k.out_head = a.out_head, k.out_row = a.out_row;
  k.mask = a.mask.data, k.mask_batch = a.mask.batch, k.mask_head = a.mask.head, k.mask_row = a.mask.row;
  k.scale = a.scale;
  k.softcap = rules.softcap;
  k.kv_lengths = a.lengths;
  k.sinks = a.sinks;
  const bool lines = rules.right >= 0 || rules.left >= 0;
  if (!lines || !a.lengths) {
    set_lines(k, rules, a.past);
    return kernels::attention(k, par, table);
  }
  k.batch = 1;  // each batch has causal and window lines of its own
  for (int64_t b = 0; b < a.batch; ++b) {
    set_lines(k, rules, a.offset(b));
    k.q = a.q.row(b, 0, 0), k.k = a.k.row(b, 0, 0), k.v = a.v.row(b, 0, 0);
    k.out = out + b * a.out_batch;
    if (a.mask.data) k.mask = a.mask.data + b * a.mask.batch;
    k.kv_lengths = a.lengths + b;
    kernels::attention(k, par, table);
  }
}

template <class T>
void run_plain(KernelContext& c, const Call<T>& a, const Rules& rules, T* out, const kernels::KernelTable& table) {
  const int64_t rows = a.q.length, keys = a.k.length, size = rows * keys;
  std::optional<ResultAs<T>> scores;
  if (c.has_output(kScores)) scores.emplace(c, c.output(kScores), table);
  T* s = c.scratch<T>(size);
  for (int64_t b = 0; b < a.batch; ++b) {
    for (int64_t h = 0; h < a.q.heads; ++h) {
      const int64_t group = h / (a.q.heads / a.k.heads);
      T* seen = scores ? scores->data() + (b * a.q.heads + h) * size : nullptr;
      kernels::GenericGemm<T> g;
      g.m = rows, g.n = keys, g.k = a.q.width, g.alpha = a.scale, g.c = s, g.ldc = keys;
      g.a = a.q.row(b, h, 0), g.a_row = a.q.row_step, g.b = a.k.row(b, group, 0), g.b_row = 1, g.b_col = a.k.row_step;
      any_gemm(g, c.par, table);
      if (seen && rules.shown == 0) std::copy_n(s, size, seen);
      if (rules.softcap > 0)
        for (int64_t i = 0; i < size; ++i)
          s[i] = std::tanh(s[i] / static_cast<T>(rules.softcap)) * static_cast<T>(rules.softcap);
      if (seen && rules.shown == 1) std::copy_n(s, size, seen);
      for (int64_t i = 0; i < rows; ++i) add_mask(a, rules, b, h, i, s + i * keys);
      if (seen && rules.shown == 2) std::copy_n(s, size, seen);
      for (int64_t i = 0; i < rows; ++i) softmax_row(s + i * keys, keys);
      if (seen && rules.shown == 3) std::copy_n(s, size, seen);
      kernels::GenericGemm<T> w;
      w.m = rows, w.n = a.v.width, w.k = keys, w.c = out + b * a.out_batch + h * a.out_head, w.ldc = a.out_row;
      w.a = s, w.a_row = keys, w.b = a.v.row(b, group, 0), w.b_row = a.v.row_step;
      any_gemm(w, c.par, table);
    }
  }
  if (scores) scores->store(c);
}

template Heads<float> load_cache(KernelContext&, size_t, size_t, size_t, int64_t, const kernels::KernelTable&,
                                 std::optional<ResultAs<float>>&);
template Heads<double> load_cache(KernelContext&, size_t, size_t, size_t, int64_t, const kernels::KernelTable&,
                                  std::optional<ResultAs<double>>&);
template Heads<float> extend_cache(KernelContext&, const Heads<float>&, int64_t, size_t, size_t,
                                   const kernels::KernelTable&, std::optional<ResultAs<float>>&);
template Mask<float> load_mask(KernelContext&, int64_t, const kernels::KernelTable&);
template Mask<double> load_mask(KernelContext&, int64_t, const kernels::KernelTable&);
template void run_plain(KernelContext&, const Call<float>&, const Rules&, float*, const kernels::KernelTable&);
template void run_plain(KernelContext&, const Call<double>&, const Rules&, double*, const kernels::KernelTable&);

}  // namespace tenon::ops::attention
