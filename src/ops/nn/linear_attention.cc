// LinearAttention (also of com.microsoft): a state matrix per key head, decayed, corrected and written by each token,
// read by its queries.
#include <algorithm>
#include <cmath>

#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::linear_attention {
namespace {

enum In : size_t { kQuery, kKey, kValue, kPast, kDecay, kBeta };

struct Rule {
  bool gated, delta;
  explicit Rule(const graph::Attrs& attrs) {
    const std::string_view r = attrs.get_string("update_rule", "gated_delta");
    if (r != "linear" && r != "gated" && r != "delta" && r != "gated_delta")
      fail("attribute update_rule: '{}' found, expected linear, gated, delta or gated_delta", r);
    gated = r.starts_with("gated");
    delta = r.ends_with("delta");
  }
};

int64_t heads_attr(const graph::Attrs& attrs, const char* name) {
  const int64_t n = attrs.get_int(name, 0);
  if (n < 1) fail("attribute {}: {} found, expected at least 1", name, n);
  return n;
}

/// Width of one head of a packed last dim.
int64_t head_size(InferContext& c, size_t i, const char* what, int64_t heads) {
  const int64_t d = c.dims(i)[2];
  if (!is_symbol(d) && d % heads != 0) fail("{} has a last dim of {}, expected a multiple of {} heads", what, d, heads);
  return c.sym.floor_div(d, heads);
}

void infer(InferContext& c) {
  if (c.attrs().get_int("state_window", 0) != 0) fail(ErrorCode::kNotImplemented, "attribute state_window is set");
  const Rule rule(c.attrs());
  const int64_t q_heads = heads_attr(c.attrs(), "q_num_heads"), heads = heads_attr(c.attrs(), "kv_num_heads");
  if (q_heads % heads != 0) fail("{} query heads, expected a multiple of the {} key heads", q_heads, heads);
  if (c.has_input(kDecay) != rule.gated)
    fail("decay is {}, update_rule {} it", rule.gated ? "missing" : "given", rule.gated ? "needs" : "forbids");
  if (c.has_input(kBeta) != rule.delta)
    fail("beta is {}, update_rule {} it", rule.delta ? "missing" : "given", rule.delta ? "needs" : "forbids");
  const DType state = c.has_input(kPast) ? c.dtype(kPast) : c.dtype(kQuery);
  for (size_t i : {kQuery, kKey, kValue, kDecay, kBeta}) expect_rank(c, i, 3);
  expect_rank(c, kPast, 4);
  if (!c.has_rank(kQuery) || !c.has_rank(kKey) || !c.has_rank(kValue)) {
    c.set_unranked(1, state);
    return c.set_unranked(0, c.dtype(kQuery));
  }
  const Dims q = c.dims(kQuery);
  for (size_t i : {kKey, kValue, kDecay, kBeta})
    for (size_t k = 0; k < 2 && c.has_rank(i); ++k) expect_equal(c, c.dims(i)[k], q[k], "batch and length of inputs");
  const int64_t width = head_size(c, kQuery, "query", q_heads), out = head_size(c, kValue, "value", heads);
  expect_equal(c, width, head_size(c, kKey, "key", heads), "head size of query and key");
  if (c.has_rank(kDecay)) {
    const int64_t d = c.dims(kDecay)[2];
    if (differ(d, heads) && differ(d, c.sym.mul(heads, width)))
      fail("decay has a last dim of {}, expected {} (a factor per head) or that times the head size", d, heads);
  }
  if (c.has_rank(kBeta) && differ(c.dims(kBeta)[2], heads) && differ(c.dims(kBeta)[2], 1))
    fail("beta has a last dim of {}, expected {} or 1", c.dims(kBeta)[2], heads);
  const Dims s{q[0], heads, width, out};
  if (c.has_rank(kPast))
    for (size_t k = 0; k < 4; ++k) expect_equal(c, c.dims(kPast)[k], s[k], "dims of past_state");
  c.set(0, c.dtype(kQuery), {q[0], q[1], c.sym.mul(q_heads, out)});
  c.set(1, state, s);
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : rule_(info.attrs),
        q_heads_(info.attrs.get_int("q_num_heads", 1)),
        heads_(info.attrs.get_int("kv_num_heads", 1)),
        scale_(info.attrs.get_float("scale", 0)),
        table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef &q = c.input(kQuery), &v = c.input(kValue);
    const int64_t batch = q.dim[0], length = q.dim[1], width = q.dim[2] / q_heads_, out_width = v.dim[2] / heads_;
    const int64_t group = q_heads_ / heads_, size = width * out_width, count = batch * heads_ * size;
    const F32Result out(c, c.output(0), table_);
    std::optional<F32Result> shown;
    if (c.has_output(1)) shown.emplace(c, c.output(1), table_);
    float* state = shown ? shown->data() : c.scratch<float>(count);
    const float *query = load_f32(c, q, table_), *key = load_f32(c, kKey, table_), *value = load_f32(c, v, table_);
    const float *beta = load_f32(c, kBeta, table_), *past = load_f32(c, kPast, table_);
    if (past)
      std::copy_n(past, count, state);
    else
      std::fill_n(state, count, 0.0f);
    const int64_t gates = c.has_input(kDecay) ? c.input(kDecay).dim[2] / heads_ : 0;
    const float* decay = gates ? factors(c, width, gates) : nullptr;
    const int64_t betas = beta ? c.input(kBeta).dim[2] : 0, blocks = blocks_of(out_width);
    const double cost = 0.6 * static_cast<double>(length * width * std::min(out_width, kernels::kStateColumns));
    // Columns of the state never meet: blocks of them run side by side.
    c.par.loop(batch * heads_ * blocks, cost, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t head = i / blocks % heads_, b = i / blocks / heads_, first = i % blocks * kernels::kStateColumns;
        kernels::StateStep s;
        s.state = state + (b * heads_ + head) * size + first;
        s.rows = width, s.columns = std::min(kernels::kStateColumns, out_width - first), s.ld = out_width;
        s.delta = rule_.delta, s.queries = group, s.out_step = out_width;
        s.scale = scale_ != 0 ? scale_ : 1 / std::sqrt(static_cast<float>(width));
        for (int64_t t = b * length; t < (b + 1) * length; ++t) {
          s.key = key + (t * heads_ + head) * width;
          s.value = value + (t * heads_ + head) * out_width + first;
          s.decay = decay ? decay + (t * heads_ + head) * width : nullptr;
          if (beta) s.beta = beta[t * betas + (betas == 1 ? 0 : head)];
          s.query = query + (t * q_heads_ + head * group) * width;
          s.out = out.data() + (t * q_heads_ + head * group) * out_width + first;
          table_.state->step(s);
        }
      }
    });
    out.store(c);
    if (shown) shown->store(c);
  }

 private:
  static int64_t blocks_of(int64_t n) { return (n + kernels::kStateColumns - 1) / kernels::kStateColumns; }

  /// exp(decay) as one factor per row of each state: [batch, length, heads, width] from `gates` values per head.
  const float* factors(KernelContext& c, int64_t width, int64_t gates) const {
    const TensorRef& t = c.input(kDecay);
    const float* in = load_f32(c, t, table_);
    const int64_t repeat = gates == width ? 1 : width;
    float* out = c.scratch<float>(checked_mul(t.count, repeat));
    c.par.loop(t.count, 4.0 + 0.3 * static_cast<double>(repeat), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) std::fill_n(out + i * repeat, repeat, std::exp(in[i]));
    });
    return out;
  }

  Rule rule_;
  int64_t q_heads_, heads_;
  float scale_;
  const kernels::KernelTable& table_;
};

constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr Port kIn[] = {{"query", kSet},
                        {"key", kSet},
                        {"value", kSet},
                        {"past_state", kSet, "S", PortUse::kOptional},
                        {"decay", kSet, "T", PortUse::kOptional},
                        {"beta", kSet, "T", PortUse::kOptional}};
constexpr Port kOut[] = {{"output", kSet}, {"present_state", kSet, "S"}};
constexpr AttrDef kAttrs[] = {int_attr("chunk_size", 64), required_attr("kv_num_heads", AttrKind::kInt),
                              required_attr("q_num_heads", AttrKind::kInt), float_attr("scale", 0),
                              string_attr("update_rule", "gated_delta")};
constexpr AttrDef kMsAttrs[] = {int_attr("chunk_size", 64),
                                required_attr("kv_num_heads", AttrKind::kInt),
                                required_attr("q_num_heads", AttrKind::kInt),
                                float_attr("scale", 0),
                                int_attr("state_window", 0),
                                string_attr("update_rule", "gated_delta")};
constexpr OpDef kOps[] = {
    {"LinearAttention", "", 27, 0, kIn, kOut, kAttrs, infer, make<Kernel>},
    {"LinearAttention", "com.microsoft", 1, 0, kIn, kOut, kMsAttrs, infer, make<Kernel>},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::linear_attention
