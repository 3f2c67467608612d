// Queries, keys and values side by side, with the past of keys and values in one tensor.
#include "ops/self_attention.h"

#include <cmath>

#include "kernels/table.h"
#include "ops/key_mask.h"

namespace tenon::ops {
namespace {

using Heads = attention::Heads<float>;

/// The past [heads of all entries, past, width] and the new rows joined as [heads of all entries, keys, width] in `to`.
Heads join(const Parallel& par, const float* old, int64_t past, const Heads& now, int64_t batch, float* to) {
  Heads all = now;
  all.data = to, all.length = past + now.length;
  all.row_step = now.width, all.head_step = all.length * now.width, all.batch_step = now.heads * all.head_step;
  par.loop(batch * now.heads, 0.3 * static_cast<double>(all.head_step), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* head = to + i * all.head_step;
      if (past > 0) std::copy_n(old + i * past * now.width, past * now.width, head);
      for (int64_t t = 0; t < now.length; ++t)
        std::copy_n(now.row(i / now.heads, i % now.heads, t), now.width, head + (past + t) * now.width);
    }
  });
  return all;
}

}  // namespace

int64_t SelfAttention::heads_of(const graph::Attrs& attrs) {
  const int64_t heads = attrs.get_int("num_heads", 0);
  if (heads < 1) fail("attribute num_heads is {}, expected at least 1", heads);
  for (const char* name : {"do_rotary", "past_present_share_buffer"})
    if (attrs.get_int(name, 0) != 0) fail(ErrorCode::kNotImplemented, "attribute {} is set", name);
  return heads;
}

void SelfAttention::infer(InferContext& c, DType t, int64_t hidden, int64_t v_hidden, const Operands& in) {
  const int64_t heads = heads_of(c.attrs());
  const Dims& x = c.dims(0);
  expect_rank(c, in.past, 5);
  const int64_t size = c.sym.floor_div(hidden, heads);
  int64_t keys = x[1];
  if (c.has_input(in.past)) {
    keys = c.has_rank(in.past) ? c.sym.add(c.dims(in.past)[3], x[1]) : c.fresh();
    expect_equal(c, hidden, v_hidden, "hidden sizes of keys and values, with a past");
    const int64_t expected[] = {2, x[0], heads, 0, size};
    for (size_t i : {0, 1, 2, 4})
      if (c.has_rank(in.past))
        expect_equal(c, c.dims(in.past)[i], expected[i], "dims of past and [2, batch, heads, past, size]");
  }
  if (c.has_output(1)) expect_equal(c, hidden, v_hidden, "hidden sizes of keys and values, with a present");
  check_key_mask(c, in.mask, x[0], x[1], keys);
  check_attention_bias(c, in.bias, x[0], heads, x[1], keys);
  c.set(0, t, {x[0], x[1], v_hidden});
  c.set(1, t, {2, x[0], heads, keys, size});
}

SelfAttention::SelfAttention(const NodeInfo& n, const kernels::KernelTable& table)
    : heads_(heads_of(n.attrs)),
      causal_(n.attrs.get_int("unidirectional", 0) != 0),
      scale_(n.attrs.get_float("scale", 0)),
      filter_(n.attrs.get_float("mask_filter_value", -10000)),
      table_(table) {}

void SelfAttention::run(KernelContext& c, const float* qkv, int64_t hidden, int64_t v_hidden,
                        const Operands& in) const {
  const TensorRef& x = c.input(0);
  const int64_t batch = x.dim[0], length = x.dim[1], row = 2 * hidden + v_hidden, size = hidden / heads_;
  const int64_t past = c.has_input(in.past) ? c.input(in.past).dim[3] : 0, keys = past + length;
  const auto part = [&](int64_t first, int64_t width) {
    return Heads{qkv + first, heads_, length, width, length * row, width, row};
  };
  attention::Call<float> a{};
  a.batch = batch, a.past = past;
  a.q = part(0, size), a.k = part(hidden, size), a.v = part(2 * hidden, v_hidden / heads_);
  std::optional<F32Result> present;
  if (c.has_output(1)) present.emplace(c, c.output(1), table_);
  if (past > 0 || present) {
    const int64_t half = batch * heads_ * keys * size;
    const float* old = past > 0 ? load_f32(c, in.past, table_) : nullptr;
    float* to = present ? present->data() : c.scratch<float>(2 * half);
    a.k = join(c.par, old, past, a.k, batch, to);
    a.v = join(c.par, old ? old + batch * heads_ * past * size : nullptr, past, a.v, batch, to + half);
  }
  a.mask = with_bias(c, load_key_mask(c, in.mask, batch, length, keys, filter_), in.bias, batch, length, keys, table_);
  a.scale = scale_ != 0 ? scale_ : 1 / std::sqrt(static_cast<float>(size));
  a.out_batch = length * v_hidden, a.out_head = a.v.width, a.out_row = v_hidden;
  attention::Rules rules;
  if (causal_) rules.right = 0;
  const F32Result out(c, c.output(0), table_);
  attention::run_fused(c.par, a, rules, out.data(), table_);
  out.store(c);
  if (present) present->store(c);
}

}  // namespace tenon::ops
