// Attention: Y = softmax(cap(scale Q K') + mask) V per head, with grouped heads, causal and window masks and a KV
// cache.
#include "kernels/attention.h"

#include <cmath>
#include <limits>

#include "kernels/gemm.h"
#include "kernels/gemm_generic.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::attention {
namespace {

enum In : size_t { kQ, kK, kV, kMask, kPastKey, kPastValue, kLengths };
enum Out : size_t { kY, kPresentKey, kPresentValue, kScores };

/// Dims of one operand as [batch, heads, length, width]; a 3-D one is [batch, length, heads * width].
Dims as_heads(InferContext& c, size_t i, const char* heads_attr) {
  const Dims& d = c.dims(i);
  if (d.size() == 4) return d;
  if (d.size() != 3) fail("input {} has rank {}, expected 3 or 4", i, d.size());
  const int64_t heads = c.attrs().get_int(heads_attr, 0);
  if (heads < 1) fail("attribute {}: {} found, expected at least 1 with 3-D inputs", heads_attr, heads);
  if (!is_symbol(d[2]) && d[2] % heads != 0)
    fail("input {} has a last dim of {}, expected a multiple of {} = {}", i, d[2], heads_attr, heads);
  return {d[0], heads, d[1], c.sym.floor_div(d[2], heads)};
}

void expect_mask(InferContext& c, const Dims& want) {
  if (!c.has_rank(kMask)) return;
  const Dims& m = c.dims(kMask);
  bool fits = m.size() >= 1 && m.size() <= 4;
  for (size_t i = 0; fits && i + 1 < m.size(); ++i) {
    const int64_t w = want[4 - m.size() + i];
    fits = m[i] == 1 || !differ(m[i], w);
  }
  if (fits && !is_symbol(m.back()) && !is_symbol(want[3])) fits = m.back() <= want[3];
  if (!fits) fail("attn_mask is {}, which does not broadcast to {}", c.sym.to_string(m), c.sym.to_string(want));
}

void infer(InferContext& c) {
  const auto unknown = [&] {
    c.set_unranked(kY, c.dtype(kQ));
    c.set_unranked(kPresentKey, c.dtype(kK));
    c.set_unranked(kPresentValue, c.dtype(kV));
    c.set_unranked(kScores, c.dtype(kQ));
  };
  if (c.has_input(kPastKey) != c.has_input(kPastValue)) fail("past_key and past_value must be given together");
  if (c.has_input(kLengths) && c.has_input(kPastKey)) fail("nonpad_kv_seqlen and past_key exclude each other");
  for (const char* a : {"left_window_size", "right_window_size"})
    if (c.attrs().get_int(a, -1) < -1)
      fail("attribute {}: {} found, expected at least -1", a, c.attrs().get_int(a, -1));
  const int64_t mode = c.attrs().get_int("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3) fail("attribute qk_matmul_output_mode: {} found, expected 0 to 3", mode);
  if (!c.has_rank(kQ) || !c.has_rank(kK) || !c.has_rank(kV)) return unknown();
  const Dims q = as_heads(c, kQ, "q_num_heads"), k = as_heads(c, kK, "kv_num_heads"),
             v = as_heads(c, kV, "kv_num_heads");
  expect_equal(c, q[0], k[0], "batch of Q and K");
  expect_equal(c, k[0], v[0], "batch of K and V");
  expect_equal(c, q[3], k[3], "head size of Q and K");
  expect_equal(c, k[1], v[1], "heads of K and V");
  expect_equal(c, k[2], v[2], "length of K and V");
  if (!is_symbol(q[1]) && !is_symbol(k[1]) && (k[1] == 0 || q[1] % k[1] != 0))
    fail("{} query heads, expected a multiple of the {} key heads", q[1], k[1]);
  int64_t past = 0;
  if (c.has_input(kPastKey)) {
    for (size_t i : {size_t{kPastKey}, size_t{kPastValue}}) {
      expect_rank(c, i, 4);
      if (!c.has_rank(i)) continue;
      expect_equal(c, c.dims(i)[0], k[0], "batch of the cache and K");
      expect_equal(c, c.dims(i)[1], k[1], "heads of the cache and K");
      expect_equal(c, c.dims(i)[3], i == kPastKey ? k[3] : v[3], "head size of the cache and of K or V");
    }
    past = c.has_rank(kPastKey) ? c.dims(kPastKey)[2] : c.fresh();
    if (c.has_rank(kPastKey) && c.has_rank(kPastValue))
      expect_equal(c, past, c.dims(kPastValue)[2], "length of past_key and past_value");
  }
  const int64_t total = c.sym.add(past, k[2]);
  expect_mask(c, {q[0], q[1], q[2], total});
  if (c.has_rank(kLengths)) {
    expect_rank(c, kLengths, 1);
    expect_equal(c, c.dims(kLengths)[0], q[0], "entries of nonpad_kv_seqlen and batch");
  }
  if (c.rank(kQ) == 4)
    c.set(kY, c.dtype(kQ), {q[0], q[1], q[2], v[3]});
  else
    c.set(kY, c.dtype(kQ), {q[0], q[2], c.sym.mul(q[1], v[3])});
  c.set(kPresentKey, c.dtype(kK), {k[0], k[1], total, k[3]});
  c.set(kPresentValue, c.dtype(kV), {v[0], v[1], total, v[3]});
  c.set(kScores, c.dtype(kQ), {q[0], q[1], q[2], total});
}

/// A tensor seen as [batch, heads, length, width] with contiguous rows.
template <class T>
struct Heads {
  const T* data = nullptr;
  int64_t heads = 0, length = 0, width = 0;
  int64_t batch_step = 0, head_step = 0, row_step = 0;

  static Heads of(const TensorRef& t, const T* data, int64_t heads) {
    Heads h;
    h.data = data;
    if (t.rank == 4) {
      h.heads = t.dim[1], h.length = t.dim[2], h.width = t.dim[3];
      h.row_step = h.width, h.head_step = h.length * h.width, h.batch_step = h.heads * h.head_step;
    } else {
      h.heads = heads, h.length = t.dim[1], h.width = t.dim[2] / heads;
      h.head_step = h.width, h.row_step = t.dim[2], h.batch_step = h.length * t.dim[2];
    }
    return h;
  }
  const T* row(int64_t b, int64_t h, int64_t i) const { return data + b * batch_step + h * head_step + i * row_step; }
};

/// The additive mask with a unit stride along keys; strides of 0 broadcast.
template <class T>
struct Mask {
  const T* data = nullptr;
  int64_t batch = 0, head = 0, row = 0;
};

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : q_heads_(info.attrs.get_int("q_num_heads", 0)),
        kv_heads_(info.attrs.get_int("kv_num_heads", 0)),
        causal_(info.attrs.get_int("is_causal", 0) != 0),
        left_(info.attrs.get_int("left_window_size", -1)),
        right_(info.attrs.get_int("right_window_size", -1)),
        mode_(info.attrs.get_int("qk_matmul_output_mode", 0)),
        softcap_(info.attrs.get_float("softcap", 0)),
        has_scale_(info.attrs.has("scale")),
        scale_(info.attrs.get_float("scale", 0)),
        table_(kernels::kernels_for(info.isa)) {
    if (causal_) right_ = 0;  // no window reaches beyond the causal line
  }

  void run(KernelContext& c) const override {
    if (c.input(kQ).dtype == DType::kDouble)
      run_as<double>(c);
    else
      run_as<float>(c);
  }

 private:
  template <class T>
  struct Call {
    Heads<T> q, k, v;
    Mask<T> mask;
    int64_t batch, past;
    T scale;
    const int32_t* lengths;  ///< valid keys per batch, or null
    int64_t out_batch, out_head, out_row;
    /// Key position of query row 0 of batch b.
    int64_t offset(int64_t b) const { return lengths ? lengths[b] - q.length : past; }
  };

  template <class T>
  void run_as(KernelContext& c) const {
    Call<T> a;
    const TensorRef &q = c.input(kQ), &y = c.output(kY);
    a.batch = q.dim[0];
    a.q = Heads<T>::of(q, load_as<T>(c, q, table_), q_heads_);
    a.past = c.has_input(kPastKey) ? c.input(kPastKey).dim[2] : 0;
    std::optional<ResultAs<T>> key, value;
    a.k = cache<T>(c, kK, kPastKey, kPresentKey, key);
    a.v = cache<T>(c, kV, kPastValue, kPresentValue, value);
    a.mask = mask<T>(c, a.k.length);
    a.scale = has_scale_ ? static_cast<T>(scale_) : T{1} / std::sqrt(static_cast<T>(a.q.width));
    a.lengths = lengths(c, a.k.length);
    const bool heads_first = y.rank == 4;
    a.out_row = heads_first ? a.v.width : a.q.heads * a.v.width;
    a.out_head = heads_first ? a.q.length * a.v.width : a.v.width;
    a.out_batch = a.q.heads * a.q.length * a.v.width;
    const ResultAs<T> out(c, y, table_);
    bool fused = false;
    if constexpr (std::is_same_v<T, float>) {
      fused = !c.has_output(kScores);
      if (fused) run_fused(c.par, a, out.data());
    }
    if (!fused) run_plain(c, a, out.data());
    out.store(c);
    if (key) key->store(c);
    if (value) value->store(c);
  }

  /// Past and new rows of K or V: joined in the present output (or scratch), or the input as it lies.
  template <class T>
  Heads<T> cache(KernelContext& c, size_t i, size_t past, size_t present, std::optional<ResultAs<T>>& result) const {
    const TensorRef& t = c.input(i);
    const Heads<T> now = Heads<T>::of(t, load_as<T>(c, t, table_), kv_heads_);
    if (!c.has_input(past) && !c.has_output(present)) return now;
    const int64_t batch = t.dim[0], old = c.has_input(past) ? c.input(past).dim[2] : 0;
    const T* old_data = load_as<T>(c, past, table_);
    Heads<T> all = now;
    all.length = old + now.length;
    all.row_step = all.width;
    all.head_step = all.length * all.width;
    all.batch_step = all.heads * all.head_step;
    T* out;
    if (c.has_output(present)) {
      result.emplace(c, c.output(present), table_);
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

  /// attn_mask as numbers to add, its last dim filled up with -inf to `keys`.
  template <class T>
  Mask<T> mask(KernelContext& c, int64_t keys) const {
    if (!c.has_input(kMask)) return {};
    const TensorRef& t = c.input(kMask);
    const int64_t own = t.dim[t.rank - 1], rows = own > 0 ? t.count / own : extent(t.dims(), 0, t.rank - 1);
    Mask<T> m;
    m.data = load_as<T>(c, t, table_);
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

  static const int32_t* lengths(KernelContext& c, int64_t keys) {
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

  void run_fused(const Parallel& par, const Call<float>& a, float* out) const {
    kernels::AttentionArgs k;
    k.batch = a.batch, k.heads = a.q.heads, k.kv_heads = a.k.heads;
    k.q_len = a.q.length, k.kv_len = a.k.length, k.head_dim = a.q.width, k.v_dim = a.v.width;
    k.q = a.q.data, k.q_batch = a.q.batch_step, k.q_head = a.q.head_step, k.q_row = a.q.row_step;
    k.k = a.k.data, k.k_batch = a.k.batch_step, k.k_head = a.k.head_step, k.k_row = a.k.row_step;
    k.v = a.v.data, k.v_batch = a.v.batch_step, k.v_head = a.v.head_step, k.v_row = a.v.row_step;
    k.out = out, k.out_batch = a.out_batch, k.out_head = a.out_head, k.out_row = a.out_row;
    k.mask = a.mask.data, k.mask_batch = a.mask.batch, k.mask_head = a.mask.head, k.mask_row = a.mask.row;
    k.scale = a.scale;
    k.softcap = softcap_;
    k.kv_lengths = a.lengths;
    const bool lines = right_ >= 0 || left_ >= 0;
    if (!lines || !a.lengths) {
      set_lines(k, a.past);
      return kernels::attention(k, par, table_);
    }
    k.batch = 1;  // each batch has causal and window lines of its own
    for (int64_t b = 0; b < a.batch; ++b) {
      set_lines(k, a.offset(b));
      k.q = a.q.row(b, 0, 0), k.k = a.k.row(b, 0, 0), k.v = a.v.row(b, 0, 0);
      k.out = out + b * a.out_batch;
      if (a.mask.data) k.mask = a.mask.data + b * a.mask.batch;
      k.kv_lengths = a.lengths + b;
      kernels::attention(k, par, table_);
    }
  }

  /// Row i sees keys j with i + offset - left <= j <= i + offset + right, in the kernel's terms.
  void set_lines(kernels::AttentionArgs& k, int64_t offset) const {
    if (right_ < 0 && left_ < 0) return;
    const int64_t reach = right_ >= 0 ? right_ : k.kv_len + k.q_len;  // beyond every key
    k.causal = true;
    k.causal_offset = offset + reach;
    k.window = left_ >= 0 ? left_ + reach + 1 : 0;
  }

  template <class T>
  static void product(const Parallel& par, const kernels::KernelTable& table, int64_t m, int64_t n, int64_t k,
                      const T* a, int64_t a_row, const T* b, int64_t b_row, int64_t b_col, T* out, int64_t out_row,
                      T alpha) {
    if constexpr (std::is_same_v<T, float>) {
      kernels::GemmArgs g;
      g.m = m, g.n = n, g.k = k, g.a = a, g.a_row = a_row, g.b = b, g.b_row = b_row, g.b_col = b_col;
      g.c = out, g.ldc = out_row, g.alpha = alpha;
      kernels::gemm(g, par, table);
    } else {
      kernels::GenericGemm<T> g;
      g.m = m, g.n = n, g.k = k, g.a = a, g.a_row = a_row, g.b = b, g.b_row = b_row, g.b_col = b_col;
      g.c = out, g.ldc = out_row, g.alpha = alpha;
      kernels::gemm_generic(g, par);
    }
  }

  /// Scores written out: what the 4th output wants, and how double runs.
  template <class T>
  void run_plain(KernelContext& c, const Call<T>& a, T* out) const {
    const int64_t rows = a.q.length, keys = a.k.length, size = rows * keys;
    std::optional<ResultAs<T>> scores;
    if (c.has_output(kScores)) scores.emplace(c, c.output(kScores), table_);
    T* s = c.scratch<T>(size);
    for (int64_t b = 0; b < a.batch; ++b) {
      for (int64_t h = 0; h < a.q.heads; ++h) {
        const int64_t g = h / (a.q.heads / a.k.heads);
        T* seen = scores ? scores->data() + (b * a.q.heads + h) * size : nullptr;
        product(c.par, table_, rows, keys, a.q.width, a.q.row(b, h, 0), a.q.row_step, a.k.row(b, g, 0), int64_t{1},
                a.k.row_step, s, keys, a.scale);
        if (seen && mode_ == 0) std::copy_n(s, size, seen);
        if (softcap_ > 0)
          for (int64_t i = 0; i < size; ++i)
            s[i] = std::tanh(s[i] / static_cast<T>(softcap_)) * static_cast<T>(softcap_);
        if (seen && mode_ == 1) std::copy_n(s, size, seen);
        for (int64_t i = 0; i < rows; ++i) add_mask(a, b, h, i, s + i * keys);
        if (seen && mode_ == 2) std::copy_n(s, size, seen);
        for (int64_t i = 0; i < rows; ++i) softmax_row(s + i * keys, keys);
        if (seen && mode_ == 3) std::copy_n(s, size, seen);
        product(c.par, table_, rows, a.v.width, keys, s, keys, a.v.row(b, g, 0), a.v.row_step, int64_t{1},
                out + b * a.out_batch + h * a.out_head, a.out_row, T{1});
      }
    }
    if (scores) scores->store(c);
  }

  template <class T>
  void add_mask(const Call<T>& a, int64_t b, int64_t h, int64_t i, T* s) const {
    const T* m = a.mask.data ? a.mask.data + b * a.mask.batch + h * a.mask.head + i * a.mask.row : nullptr;
    const int64_t here = i + a.offset(b);
    for (int64_t j = 0; j < a.k.length; ++j) {
      const bool open =
          (right_ < 0 || j <= here + right_) && (left_ < 0 || j >= here - left_) && (!a.lengths || j < a.lengths[b]);
      if (!open)
        s[j] = -std::numeric_limits<T>::infinity();
      else if (m)
        s[j] += m[j];
    }
  }

  /// A row without any open key becomes 0.
  template <class T>
  static void softmax_row(T* s, int64_t n) {
    T top = -std::numeric_limits<T>::infinity(), sum = 0;
    for (int64_t j = 0; j < n; ++j) top = std::max(top, s[j]);
    if (top == -std::numeric_limits<T>::infinity()) return std::fill_n(s, n, T{0}), void();
    for (int64_t j = 0; j < n; ++j) sum += s[j] = std::exp(s[j] - top);
    for (int64_t j = 0; j < n; ++j) s[j] /= sum;
  }

  int64_t q_heads_, kv_heads_;
  bool causal_;
  int64_t left_, right_, mode_;
  float softcap_;
  bool has_scale_;
  float scale_;
  const kernels::KernelTable& table_;
};

constexpr DTypeSet kMaskSet = kNumericSet | kBoolSet;
constexpr PortUse kOpt = PortUse::kOptional;
constexpr Port kIn23[] = {{"Q", kFloatSet, "T1"},
                          {"K", kFloatSet, "T1"},
                          {"V", kFloatSet, "T2"},
                          {"attn_mask", kMaskSet, "U", kOpt},
                          {"past_key", kFloatSet, "T1", kOpt},
                          {"past_value", kFloatSet, "T2", kOpt}};
constexpr Port kIn24[] = {{"Q", kFloatSet, "T1"},
                          {"K", kFloatSet, "T1"},
                          {"V", kFloatSet, "T2"},
                          {"attn_mask", kMaskSet, "U", kOpt},
                          {"past_key", kFloatSet, "T1", kOpt},
                          {"past_value", kFloatSet, "T2", kOpt},
                          {"nonpad_kv_seqlen", kInt64Set, "", kOpt}};
constexpr Port kOut[] = {{"Y", kFloatSet, "T1"},
                         {"present_key", kFloatSet, "T1", kOpt},
                         {"present_value", kFloatSet, "T2", kOpt},
                         {"qk_matmul_output", kFloatSet, "T1", kOpt}};
constexpr AttrDef kAttrs23[] = {int_attr("is_causal", 0),
                                optional_attr("kv_num_heads", AttrKind::kInt),
                                optional_attr("q_num_heads", AttrKind::kInt),
                                int_attr("qk_matmul_output_mode", 0),
                                optional_attr("scale", AttrKind::kFloat),
                                float_attr("softcap", 0),
                                optional_attr("softmax_precision", AttrKind::kInt)};
constexpr AttrDef kAttrs25[] = {int_attr("is_causal", 0),
                                optional_attr("kv_num_heads", AttrKind::kInt),
                                int_attr("left_window_size", -1),
                                optional_attr("q_num_heads", AttrKind::kInt),
                                int_attr("qk_matmul_output_mode", 0),
                                int_attr("right_window_size", -1),
                                optional_attr("scale", AttrKind::kFloat),
                                float_attr("softcap", 0),
                                optional_attr("softmax_precision", AttrKind::kInt)};
constexpr OpDef kOps[] = {
    {"Attention", "", 23, 23, kIn23, kOut, kAttrs23, infer, make<Kernel>},
    {"Attention", "", 24, 24, kIn24, kOut, kAttrs23, infer, make<Kernel>},
    {"Attention", "", 25, 0, kIn24, kOut, kAttrs25, infer, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::attention
