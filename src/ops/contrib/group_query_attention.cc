// com.microsoft GroupQueryAttention: heads that share keys and values, a cache of a fixed capacity that each batch
// entry fills to a length of its own, rotary embedding, a causal line and a window.
#include <cmath>

#include "kernels/table.h"
#include "ops/key_mask.h"
#include "ops/rotary.h"
#include "ops/rows.h"

namespace tenon::ops::group_query_attention {
namespace {

enum In : size_t {
  kQuery,
  kKey,
  kValue,
  kPastKey,
  kPastValue,
  kSeqlens,
  kTotal,
  kCos,
  kSin,
  kIds,
  kBias,
  kSink,
  kKeyScale,
  kValueScale,
  kQueryNorm,
  kKeyNorm,
  kQuerySeqlens
};
enum Out : size_t { kY, kPresentKey, kPresentValue, kScores };
using Heads = attention::Heads<float>;

struct Settings {
  int64_t heads, kv_heads, window;
  bool causal, rotary, interleaved, smooth;
  float scale, softcap;

  explicit Settings(const graph::Attrs& a)
      : heads(a.get_int("num_heads", 0)),
        kv_heads(a.get_int("kv_num_heads", 0)),
        window(a.get_int("local_window_size", -1)),
        causal(a.get_int("causal", 1) != 0),
        rotary(a.get_int("do_rotary", 0) != 0),
        interleaved(a.get_int("rotary_interleaved", 0) != 0),
        smooth(a.get_int("smooth_softmax", -1) > 0),
        scale(a.get_float("scale", 0)),
        softcap(a.get_float("softcap", 0)) {
    if (heads < 1 || heads > INT32_MAX || kv_heads < 1 || heads % kv_heads != 0)
      fail("attributes num_heads {} and kv_num_heads {}: expected a multiple and its divisor", heads, kv_heads);
    if (window == 0 || window < -1 || window > INT32_MAX || (window > 0 && !causal))
      fail("attribute local_window_size: {} found, expected -1, or above 0 with causal", window);
    for (const char* name : {"k_quant_type", "v_quant_type"})
      if (a.get_string(name, "NONE") != "NONE")
        fail(ErrorCode::kNotImplemented, "attribute {}: a quantised cache", name);
    for (const char* name : {"sliding_window_cache", "qk_output"})
      if (a.get_int(name, 0) != 0) fail(ErrorCode::kNotImplemented, "attribute {} is set", name);
  }
};

void check_cache(InferContext& c, int64_t batch, int64_t heads, int64_t size) {
  if (c.has_input(kPastKey) != c.has_input(kPastValue)) fail("past_key and past_value must be given together");
  const int64_t want[] = {batch, heads, 0, size};
  for (size_t i : {kPastKey, kPastValue}) {
    expect_rank(c, i, 4);
    for (size_t d : {0, 1, 3})
      if (c.has_rank(i))
        expect_equal(c, c.dims(i)[d], want[d], "dims of the cache and [batch, kv heads, length, size]");
  }
  if (c.has_rank(kPastKey) && c.has_rank(kPastValue))
    expect_equal(c, c.dims(kPastKey)[2], c.dims(kPastValue)[2], "length of past_key and past_value");
}

void check_rotary(InferContext& c, bool on, const Dims& q, int64_t size) {
  if (on && (!c.has_input(kCos) || !c.has_input(kSin))) fail("do_rotary is set, but cos_cache or sin_cache is missing");
  for (size_t i : {kCos, kSin}) expect_rank(c, i, 2);
  if (c.has_rank(kCos) && c.has_rank(kSin))
    for (size_t d = 0; d < 2; ++d) expect_equal(c, c.dims(kCos)[d], c.dims(kSin)[d], "dims of cos_cache and sin_cache");
  if (c.has_rank(kCos) && !is_symbol(c.dims(kCos)[1]) && !is_symbol(size) && 2 * c.dims(kCos)[1] > size)
    fail("cos_cache has a last dim of {}, expected at most half of the head size {}", c.dims(kCos)[1], size);
  expect_rank(c, kIds, 2);
  for (size_t d = 0; c.has_rank(kIds) && d < 2; ++d) expect_equal(c, c.dims(kIds)[d], q[d], "dims of position_ids");
}

void infer(InferContext& c) {
  const Settings s(c.attrs());
  const DType t = c.dtype(kQuery), cache = c.has_input(kPastKey) ? c.dtype(kPastKey) : t;
  for (size_t i : {kKeyScale, kValueScale, kQueryNorm, kKeyNorm, kQuerySeqlens})
    if (c.has_input(i)) fail(ErrorCode::kNotImplemented, "input {} is given", i);
  if (c.has_output(kScores)) fail(ErrorCode::kNotImplemented, "output_qk is wanted");
  if (c.has_input(kKey) != c.has_input(kValue)) fail("key and value must be given together");
  for (size_t i : {kQuery, kKey, kValue}) expect_rank(c, i, 3);
  expect_rank(c, kSink, 1);
  if (c.has_rank(kSink)) expect_equal(c, c.dims(kSink)[0], s.heads, "entries of head_sink and num_heads");
  if (!c.has_rank(kQuery) || (c.has_input(kKey) && (!c.has_rank(kKey) || !c.has_rank(kValue)))) {
    for (size_t j : {kPresentKey, kPresentValue}) c.set_unranked(j, cache);
    return c.set_unranked(kY, t);
  }
  const Dims q = c.dims(kQuery);
  const int64_t parts = c.has_input(kKey) ? s.heads : s.heads + 2 * s.kv_heads;
  if (!is_symbol(q[2]) && (q[2] == 0 || q[2] % parts != 0))
    fail("query has a last dim of {}, expected a multiple of {} heads", q[2], parts);
  const int64_t size = c.sym.floor_div(q[2], parts);
  for (size_t i : {kKey, kValue}) {
    if (!c.has_rank(i)) continue;
    for (size_t d = 0; d < 2; ++d) expect_equal(c, c.dims(i)[d], q[d], "batch and length of query, key and value");
    expect_equal(c, c.dims(i)[2], c.sym.mul(size, s.kv_heads), "last dim of key or value and kv_num_heads heads");
  }
  check_cache(c, q[0], s.kv_heads, size);
  check_rotary(c, s.rotary, q, size);
  if (c.has_rank(kSeqlens)) expect_equal(c, c.sym.product(c.dims(kSeqlens)), q[0], "entries of seqlens_k and batch");
  const int64_t old = !c.has_input(kPastKey) ? 0 : c.has_rank(kPastKey) ? c.dims(kPastKey)[2] : c.fresh();
  if (c.has_rank(kTotal)) expect_equal(c, c.sym.product(c.dims(kTotal)), 1, "elements of total_sequence_length");
  const auto total = c.scalar_int(kTotal);
  int64_t capacity = c.fresh();
  if (total && !is_symbol(*total)) {
    if (!is_symbol(q[1]) && *total < q[1]) fail("total_sequence_length is {}, below the {} new tokens", *total, q[1]);
    if (!is_symbol(old)) capacity = std::max(old, *total);
  }
  check_attention_bias(c, kBias, q[0], s.heads, q[1], total ? *total : c.fresh());
  c.set(kY, t, {q[0], q[1], c.sym.mul(size, s.heads)});
  for (size_t j : {kPresentKey, kPresentValue}) c.set(j, cache, {q[0], s.kv_heads, capacity, size});
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& n) : s_(n.attrs), table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &query = c.input(kQuery), &y = c.output(kY);
    const int64_t batch = query.dim[0], length = query.dim[1], size = y.dim[2] / s_.heads;
    const int64_t old = c.has_input(kPastKey) ? c.input(kPastKey).dim[2] : 0;
    const int64_t total = c.input(kTotal).as<int32_t>()[0], capacity = std::max(old, total);
    const bool first = length == total;
    attention::Call<float> a{};
    a.batch = batch;
    int32_t* lengths = c.scratch<int32_t>(batch);
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t n = int64_t{c.input(kSeqlens).as<int32_t>()[b]} + 1;
      if (n < (first ? 0 : length) || n > total || (!first && n - length > old))
        fail("seqlens_k[{}] is {}, expected a value in [{}, {}]", b, n - 1, first ? -1 : length - 1,
             (first ? total : std::min(total, old + length)) - 1);
      lengths[b] = static_cast<int32_t>(first ? length : n);  // of a padded prompt all rows are stored
    }
    a.lengths = lengths;
    const float* in = load_f32(c, query, table_);
    const bool packed = !c.has_input(kKey);
    const int64_t row = query.dim[2];
    const auto part = [&](size_t i, int64_t before, int64_t heads) {
      if (!packed) return Heads::of(c.input(i), i == kQuery ? in : load_f32(c, i, table_), heads);
      return Heads{in + before * size, heads, length, size, length * row, size, row};
    };
    Turn turn = angles_of(c, a, total);
    a.q = part(kQuery, 0, s_.heads);
    if (s_.rotary) a.q = turned(c, a.q, batch, turn);
    std::optional<F32Result> key, value;
    a.k = store(c, part(kKey, s_.heads, s_.kv_heads), a, kPastKey, kPresentKey, capacity, s_.rotary ? &turn : nullptr,
                key);
    a.v = store(c, part(kValue, s_.heads + s_.kv_heads, s_.kv_heads), a, kPastValue, kPresentValue, capacity, nullptr,
                value);
    a.k.length = a.v.length = total;
    a.mask = with_bias(c, {}, kBias, batch, length, total, table_);
    a.scale = s_.scale != 0 ? s_.scale : 1 / std::sqrt(static_cast<float>(size));
    a.out_row = s_.heads * size, a.out_head = size, a.out_batch = length * a.out_row;
    a.sinks = sinks(c);
    attention::Rules rules;
    rules.softcap = s_.softcap;
    if (s_.causal) rules.right = 0;
    if (s_.window > 0) rules.left = s_.window - 1;
    const F32Result out(c, y, table_);
    attention::run_fused(c.par, a, rules, out.data(), table_);
    out.store(c);
    if (key) key->store(c);
    if (value) value->store(c);
  }

 private:
  /// The angles of the new tokens.
  struct Turn {
    const float *cos = nullptr, *sin = nullptr;
    int64_t half = 0, length = 0;
    const int64_t* ids = nullptr;
    const int32_t* lengths = nullptr;
    rotary::Angles at(int64_t b, int64_t i) const {
      const int64_t row = ids ? ids[b * length + i] : lengths[b] - length + i;
      return {cos + row * half, sin + row * half};
    }
  };

  Turn angles_of(KernelContext& c, const attention::Call<float>& a, int64_t total) const {
    Turn t;
    if (!s_.rotary) return t;
    const int64_t rows = c.input(kCos).dim[0];
    t.cos = load_f32(c, kCos, table_), t.sin = load_f32(c, kSin, table_);
    t.half = c.input(kCos).dim[1], t.length = c.input(kQuery).dim[1], t.lengths = a.lengths;
    t.ids = c.has_input(kIds) ? c.input(kIds).as<int64_t>() : nullptr;
    for (int64_t i = 0; t.ids && i < c.input(kIds).count; ++i)
      if (t.ids[i] < 0 || t.ids[i] >= rows)
        fail("position_ids[{}] is {}, expected a value in [0, {}]", i, t.ids[i], rows - 1);
    if (!t.ids && total > rows) fail("cos_cache has {} positions, expected at least {}", rows, total);
    return t;
  }

  Heads turned(KernelContext& c, const Heads& q, int64_t batch, const Turn& t) const {
    const int64_t each = q.heads * q.length;
    Heads out{nullptr, q.heads, q.length, q.width, each * q.width, q.length * q.width, q.width};
    float* to = c.scratch<float>(checked_mul(batch * each, q.width));
    out.data = to;
    c.par.loop(batch * each, 1.5 * static_cast<double>(q.width), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t b = r / each, h = r % each / q.length, i = r % q.length;
        rotary::turn(q.row(b, h, i), t.at(b, i), to + r * q.width, t.half, q.width, s_.interleaved, table_);
      }
    });
    return out;
  }

  /// A cache of `capacity` rows: what each batch entry had, the new rows behind it, then zeros.
  Heads store(KernelContext& c, const Heads& now, const attention::Call<float>& a, size_t past, size_t present,
              int64_t capacity, const Turn* t, std::optional<F32Result>& result) const {
    const int64_t old = c.has_input(past) ? c.input(past).dim[2] : 0;
    const float* from = load_f32(c, past, table_);
    if (c.has_output(present)) result.emplace(c, c.output(present), table_);
    float* to = result ? result->data() : c.scratch<float>(checked_mul(a.batch * now.heads * capacity, now.width));
    const Heads all{to,       now.heads, capacity, now.width, now.heads * capacity * now.width, capacity * now.width,
                    now.width};
    c.par.loop(a.batch * now.heads, 0.3 * static_cast<double>(all.head_step), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const int64_t b = p / now.heads, h = p % now.heads, done = a.lengths[b] - now.length;
        float* head = to + p * all.head_step;
        if (done > 0) std::copy_n(from + p * old * now.width, done * now.width, head);
        for (int64_t i = 0; i < now.length; ++i) {
          float* row = head + (done + i) * now.width;
          if (t)
            rotary::turn(now.row(b, h, i), t->at(b, i), row, t->half, now.width, s_.interleaved, table_);
          else
            std::copy_n(now.row(b, h, i), now.width, row);
        }
        std::fill(head + a.lengths[b] * now.width, head + all.head_step, 0.0f);
      }
    });
    return all;
  }

  const float* sinks(KernelContext& c) const {
    if (c.has_input(kSink)) return load_f32(c, kSink, table_);
    if (!s_.smooth) return nullptr;
    float* zeros = c.scratch<float>(s_.heads);
    std::fill_n(zeros, s_.heads, 0.0f);
    return zeros;
  }

  Settings s_;
  const kernels::KernelTable& table_;
};

constexpr PortUse kOpt = PortUse::kOptional;
constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr DTypeSet kInt32Set = dtype_bit(DType::kInt32);
constexpr Port kIn[] = {{"query", kSet},
                        {"key", kSet, "T", kOpt},
                        {"value", kSet, "T", kOpt},
                        {"past_key", kSet, "T_CACHE", kOpt},
                        {"past_value", kSet, "T_CACHE", kOpt},
                        {"seqlens_k", kInt32Set, "M"},
                        {"total_sequence_length", kInt32Set, "M"},
                        {"cos_cache", kSet, "T", kOpt},
                        {"sin_cache", kSet, "T", kOpt},
                        {"position_ids", kInt64Set, "", kOpt},
                        {"attention_bias", kSet, "T", kOpt},
                        {"head_sink", kSet, "T", kOpt},
                        {"k_scale", kFloat32Set, "T_KV_SCALE", kOpt},
                        {"v_scale", kFloat32Set, "T_KV_SCALE", kOpt},
                        {"q_norm_weight", kSet, "T", kOpt},
                        {"k_norm_weight", kSet, "T", kOpt},
                        {"query_seqlens", kInt32Set, "M", kOpt}};
constexpr Port kOut[] = {{"output", kSet},
                         {"present_key", kSet, "T_CACHE", kOpt},
                         {"present_value", kSet, "T_CACHE", kOpt},
                         {"output_qk", kSet, "T", kOpt}};
constexpr AttrDef kAttrs[] = {int_attr("causal", 1),
                              optional_attr("do_rotary", AttrKind::kInt),
                              optional_attr("k_norm_epsilon", AttrKind::kFloat),
                              string_attr("k_quant_type", "NONE"),
                              optional_attr("kv_cache_bit_width", AttrKind::kInt),
                              required_attr("kv_num_heads", AttrKind::kInt),
                              int_attr("local_window_size", -1),
                              required_attr("num_heads", AttrKind::kInt),
                              optional_attr("q_norm_epsilon", AttrKind::kFloat),
                              float_attr("qk_norm_epsilon", 1e-6),
                              int_attr("qk_output", 0),
                              optional_attr("rotary_interleaved", AttrKind::kInt),
                              optional_attr("scale", AttrKind::kFloat),
                              int_attr("sliding_window_cache", 0),
                              int_attr("smooth_softmax", -1),
                              optional_attr("softcap", AttrKind::kFloat),
                              string_attr("v_quant_type", "NONE")};
constexpr OpDef kOps[] = {{"GroupQueryAttention", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::group_query_attention
