// Attention: Y = softmax(cap(scale Q K') + mask) V per head, with grouped heads, causal and window masks and a KV
// cache.
#include "ops/attention.h"

#include <cmath>

#include "ops/infer.h"
#include "ops/rows.h"

namespace tenon::ops::attention {
namespace {

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

class Kernel final : public FloatKernel<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info)
      : FloatKernel(info),
        q_heads_(info.attrs.get_int("q_num_heads", 0)),
        kv_heads_(info.attrs.get_int("kv_num_heads", 0)),
        has_scale_(info.attrs.has("scale")),
        scale_(info.attrs.get_float("scale", 0)) {
    rules_.left = info.attrs.get_int("left_window_size", -1);
    rules_.right = info.attrs.get_int("right_window_size", -1);
    if (info.attrs.get_int("is_causal", 0) != 0) rules_.right = 0;  // no window reaches beyond the causal line
    rules_.softcap = info.attrs.get_float("softcap", 0);
    rules_.shown = info.attrs.get_int("qk_matmul_output_mode", 0);
  }

  template <class T>
  void run_as(KernelContext& c) const {
    Call<T> a;
    const TensorRef &q = c.input(kQ), &y = c.output(kY);
    a.batch = q.dim[0];
    a.q = Heads<T>::of(q, load_as<T>(c, q, table_), q_heads_);
    a.past = c.has_input(kPastKey) ? c.input(kPastKey).dim[2] : 0;
    std::optional<ResultAs<T>> key, value;
    a.k = load_cache<T>(c, kK, kPastKey, kPresentKey, kv_heads_, table_, key);
    a.v = load_cache<T>(c, kV, kPastValue, kPresentValue, kv_heads_, table_, value);
    a.mask = load_mask<T>(c, a.k.length, table_);
    a.scale = has_scale_ ? static_cast<T>(scale_) : T{1} / std::sqrt(static_cast<T>(a.q.width));
    a.lengths = load_lengths(c, a.k.length);
    const bool heads_first = y.rank == 4;
    a.out_row = heads_first ? a.v.width : a.q.heads * a.v.width;
    a.out_head = heads_first ? a.q.length * a.v.width : a.v.width;
    a.out_batch = a.q.heads * a.q.length * a.v.width;
    const ResultAs<T> out(c, y, table_);
    bool fused = false;
    if constexpr (std::is_same_v<T, float>) {
      fused = !c.has_output(kScores);
      if (fused) run_fused(c.par, a, rules_, out.data(), table_);
    }
    if (!fused) run_plain(c, a, rules_, out.data(), table_);
    out.store(c);
    if (key) key->store(c);
    if (value) value->store(c);
  }

 private:
  int64_t q_heads_, kv_heads_;
  bool has_scale_;
  float scale_;
  Rules rules_;
};

constexpr DTypeSet kMaskSet = kNumericSet | kBoolSet;
constexpr PortUse kOpt = PortUse::kOptional;
struct Ports24 {
  static constexpr Port kIn[] = {{"Q", kFloatSet, "T1"},
                                 {"K", kFloatSet, "T1"},
                                 {"V", kFloatSet, "T2"},
                                 {"attn_mask", kMaskSet, "U", kOpt},
                                 {"past_key", kFloatSet, "T1", kOpt},
                                 {"past_value", kFloatSet, "T2", kOpt},
                                 {"nonpad_kv_seqlen", kInt64Set, "", kOpt}};
  static constexpr Port kOut[] = {{"Y", kFloatSet, "T1"},
                                  {"present_key", kFloatSet, "T1", kOpt},
                                  {"present_value", kFloatSet, "T2", kOpt},
                                  {"qk_matmul_output", kFloatSet, "T1", kOpt}};
};
struct Ports23 : Ports24 {
  static constexpr std::span<const Port> kIn = std::span(Ports24::kIn).first(6);
};
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
constexpr OpDef kRow = {.name = "Attention", .attrs = kAttrs23, .infer = infer, .make = make<Kernel>};
constexpr OpDef kOps[] = {row_of<Ports23>(kRow, 23, 23), row_of<Ports24>(kRow, 24, 24),
                          row_of<Ports24>(kRow, 25, 0, kAttrs25)};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::attention
