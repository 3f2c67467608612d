// com.microsoft MultiHeadAttention: queries, keys and values [batch, length, heads size], or keys and values with heads
// first, a bias of their projections, a mask of keys and a cache.
#include <cmath>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/key_mask.h"

namespace tenon::ops::multi_head_attention {
namespace {

enum In : size_t {
  kQuery,
  kKey,
  kValue,
  kBias,
  kMask,
  kAttentionBias,
  kPastKey,
  kPastValue,
  kPastLength,
  kIndirection
};
enum Out : size_t { kY, kPresentKey, kPresentValue, kScores };
using Heads = attention::Heads<float>;

int64_t heads_of(const graph::Attrs& attrs) {
  const int64_t heads = attrs.get_int("num_heads", 0);
  if (heads < 1) fail("attribute num_heads: {} found, expected at least 1", heads);
  return heads;
}

/// [batch, heads, length, size] of keys or values, and the dims of the cache checked against them.
Dims as_heads(InferContext& c, size_t i, int64_t heads) {
  const Dims& d = c.dims(i);
  if (d.size() == 4) return d;
  if (d.size() != 3) fail("input {} has rank {}, expected 3 or 4", i, d.size());
  if (!is_symbol(d[2]) && d[2] % heads != 0)
    fail("input {} has a last dim of {}, expected a multiple of num_heads = {}", i, d[2], heads);
  return {d[0], heads, d[1], c.sym.floor_div(d[2], heads)};
}

void infer(InferContext& c) {
  const int64_t heads = heads_of(c.attrs());
  const DType t = c.dtype(kQuery);
  if (!c.has_input(kKey) || !c.has_input(kValue))
    fail(ErrorCode::kNotImplemented, "key and value are missing: packed operands are not supported");
  for (size_t i : {kPastLength, kIndirection})
    if (c.has_input(i)) fail(ErrorCode::kNotImplemented, "input {} is given: beams that share a buffer", i);
  if (c.has_input(kPastKey) != c.has_input(kPastValue)) fail("past_key and past_value must be given together");
  expect_rank(c, kQuery, 3);
  expect_rank(c, kBias, 1);
  if (!c.has_rank(kQuery) || !c.has_rank(kKey) || !c.has_rank(kValue)) {
    for (size_t j : {kPresentKey, kPresentValue, kScores}) c.set_unranked(j, t);
    return c.set_unranked(kY, t);
  }
  const Dims q = as_heads(c, kQuery, heads), k = as_heads(c, kKey, heads), v = as_heads(c, kValue, heads);
  expect_equal(c, q[0], k[0], "batch of query and key");
  expect_equal(c, k[0], v[0], "batch of key and value");
  expect_equal(c, q[1], k[1], "heads of query and key");
  expect_equal(c, k[1], v[1], "heads of key and value");
  expect_equal(c, q[3], k[3], "head size of query and key");
  expect_equal(c, k[2], v[2], "length of key and value");
  if (c.has_rank(kBias))
    expect_equal(c, c.dims(kBias)[0], c.sym.mul(c.sym.add(c.sym.mul(q[3], 2), v[3]), heads),
                 "entries of bias and the widths of query, key and value");
  int64_t past = 0;
  if (c.has_input(kPastKey)) {
    for (size_t i : {size_t{kPastKey}, size_t{kPastValue}}) {
      expect_rank(c, i, 4);
      if (!c.has_rank(i)) continue;
      const Dims& now = i == kPastKey ? k : v;
      for (size_t d : {0, 1, 3}) expect_equal(c, c.dims(i)[d], now[d], "dims of the cache and of key or value");
    }
    past = c.has_rank(kPastKey) ? c.dims(kPastKey)[2] : c.fresh();
    if (c.has_rank(kPastKey) && c.has_rank(kPastValue))
      expect_equal(c, past, c.dims(kPastValue)[2], "length of past_key and past_value");
  }
  const int64_t keys = c.sym.add(past, k[2]);
  check_key_mask(c, kMask, q[0], q[2], keys);
  check_attention_bias(c, kAttentionBias, q[0], heads, q[2], keys);
  c.set(kY, t, {q[0], q[2], c.sym.mul(heads, v[3])});
  c.set(kPresentKey, t, {q[0], heads, keys, k[3]});
  c.set(kPresentValue, t, {q[0], heads, keys, v[3]});
  c.set(kScores, t, {q[0], heads, q[2], keys});
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& n)
      : heads_(heads_of(n.attrs)),
        causal_(n.attrs.get_int("unidirectional", 0) != 0),
        scale_(n.attrs.get_float("scale", 0)),
        filter_(n.attrs.get_float("mask_filter_value", -10000)),
        table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    attention::Call<float> a{};
    const int64_t batch = c.input(kQuery).dim[0];
    const float* bias = load_f32(c, kBias, table_);
    a.batch = batch;
    a.past = c.has_input(kPastKey) ? c.input(kPastKey).dim[2] : 0;
    a.q = load(c, kQuery, bias);
    a.k = load(c, kKey, bias ? bias + heads_ * a.q.width : nullptr);
    a.v = load(c, kValue, bias ? bias + 2 * heads_ * a.q.width : nullptr);
    std::optional<F32Result> key, value;
    a.k = attention::extend_cache(c, a.k, batch, kPastKey, kPresentKey, table_, key);
    a.v = attention::extend_cache(c, a.v, batch, kPastValue, kPresentValue, table_, value);
    a.mask = with_bias(c, load_key_mask(c, kMask, batch, a.q.length, a.k.length, filter_), kAttentionBias, batch,
                       a.q.length, a.k.length, table_);
    a.scale = scale_ != 0 ? scale_ : 1 / std::sqrt(static_cast<float>(a.q.width));
    a.out_row = heads_ * a.v.width, a.out_head = a.v.width, a.out_batch = a.q.length * a.out_row;
    attention::Rules rules;
    if (causal_) rules.right = 0;
    rules.shown = 2;
    const F32Result out(c, c.output(kY), table_);
    if (c.has_output(kScores))
      attention::run_plain(c, a, rules, out.data(), table_);
    else
      attention::run_fused(c.par, a, rules, out.data(), table_);
    out.store(c);
    if (key) key->store(c);
    if (value) value->store(c);
  }

 private:
  /// Operand i, plus the bias of its columns where it has the heads last.
  Heads load(KernelContext& c, size_t i, const float* bias) const {
    const TensorRef& t = c.input(i);
    const float* in = load_f32(c, t, table_);
    if (!bias || t.rank == 4 || t.count == 0) return Heads::of(t, in, heads_);
    const int64_t n = t.dim[2];
    float* sum = c.scratch<float>(t.count);
    const auto add = kernels::binary_rows(kernels::Binary::kAdd, table_).vv;
    c.par.loop(t.count / n, 0.3 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) add(in + r * n, bias, sum + r * n, n);
    });
    return Heads::of(t, sum, heads_);
  }

  int64_t heads_;
  bool causal_;
  float scale_, filter_;
  const kernels::KernelTable& table_;
};

constexpr PortUse kOpt = PortUse::kOptional;
constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr DTypeSet kInt32Set = dtype_bit(DType::kInt32);
constexpr Port kIn[] = {{"query", kSet},
                        {"key", kSet, "T", kOpt},
                        {"value", kSet, "T", kOpt},
                        {"bias", kSet, "T", kOpt},
                        {"key_padding_mask", kInt32Set, "M", kOpt},
                        {"attention_bias", kSet, "T", kOpt},
                        {"past_key", kSet, "T", kOpt},
                        {"past_value", kSet, "T", kOpt},
                        {"past_sequence_length", kInt32Set, "M", kOpt},
                        {"cache_indirection", kInt32Set, "M", kOpt}};
constexpr Port kOut[] = {
    {"output", kSet}, {"present_key", kSet, "T", kOpt}, {"present_value", kSet, "T", kOpt}, {"qk", kSet, "QK", kOpt}};
constexpr AttrDef kAttrs[] = {optional_attr("mask_filter_value", AttrKind::kFloat),
                              required_attr("num_heads", AttrKind::kInt), optional_attr("scale", AttrKind::kFloat),
                              int_attr("unidirectional", 0)};
constexpr OpDef kOps[] = {{"MultiHeadAttention", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::multi_head_attention
