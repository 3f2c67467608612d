// com.microsoft QAttention: Attention whose projection of an 8-bit input to queries, keys and values is an integer
// product.
#include <cmath>

#include "kernels/attention.h"
#include "kernels/table.h"
#include "ops/integer_product.h"
#include "ops/key_mask.h"
#include "ops/quantization.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::qattention {
namespace {

enum In : size_t { kInput, kWeight, kBias, kInputScale, kWeightScale, kMask, kInputZero, kWeightZero, kPast };

int64_t heads_of(const graph::Attrs& attrs) {
  const int64_t heads = attrs.get_int("num_heads", 0);
  if (heads < 1) fail("attribute num_heads is {}, expected at least 1", heads);
  for (const char* name : {"do_rotary", "past_present_share_buffer"})
    if (attrs.get_int(name, 0) != 0) fail(ErrorCode::kNotImplemented, "attribute {} is set", name);
  return heads;
}

class QAttention final : public Kernel {
 public:
  explicit QAttention(const NodeInfo& n)
      : heads_(heads_of(n.attrs)),
        causal_(n.attrs.get_int("unidirectional", 0) != 0),
        scale_(n.attrs.get_float("scale", 0)),
        filter_(n.attrs.get_float("mask_filter_value", -10000)),
        product_(n, {kInput, kWeight, kInputZero, kWeightZero}),
        table_(product_.table()) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(kInput), &y = c.output(0);
    if (y.count == 0) return;
    const int64_t batch = x.dim[0], length = x.dim[1], hidden = y.dim[2], size = hidden / heads_, row = 3 * hidden;
    const int64_t past = c.has_input(kPast) ? c.input(kPast).dim[3] : 0, keys = past + length;
    const float* qkv = project(c, batch, length, row);
    const F32Result out(c, y, table_);
    kernels::AttentionArgs a;
    a.batch = batch, a.heads = a.kv_heads = heads_, a.q_len = length, a.kv_len = keys, a.head_dim = a.v_dim = size;
    a.q = qkv, a.q_batch = length * row, a.q_head = size, a.q_row = row;
    std::optional<F32Result> present;
    if (c.has_output(1)) present.emplace(c, c.output(1), table_);
    if (past > 0 || present) {
      const int64_t half = batch * heads_ * keys * size;
      float* joined = present ? present->data() : c.scratch<float>(2 * half);
      join(c, qkv, past, keys, joined);
      a.k = joined, a.v = joined + half;
      a.k_batch = a.v_batch = heads_ * keys * size, a.k_head = a.v_head = keys * size, a.k_row = a.v_row = size;
    } else {
      a.k = qkv + hidden, a.v = qkv + 2 * hidden;
      a.k_batch = a.v_batch = length * row, a.k_head = a.v_head = size, a.k_row = a.v_row = row;
    }
    a.out = out.data(), a.out_batch = length * hidden, a.out_head = size, a.out_row = hidden;
    const KeyMask mask = load_key_mask(c, kMask, batch, length, keys, filter_);
    a.mask = mask.data, a.mask_batch = mask.batch_step, a.mask_row = mask.row_step;
    a.causal = causal_, a.causal_offset = past;
    a.scale = scale_ != 0 ? scale_ : 1 / std::sqrt(static_cast<float>(size));
    kernels::attention(a, c.par, table_);
    out.store(c);
    if (present) present->store(c);
  }

 private:
  /// [batch, length, 3 hidden]: queries, keys and values of all heads.
  const float* project(KernelContext& c, int64_t batch, int64_t length, int64_t columns) const {
    const int64_t dims[] = {batch, length, columns};
    float* qkv = c.scratch<float>(batch * length * columns);
    const float *w_scale = load_f32(c, kWeightScale, table_), *bias = load_f32(c, kBias, table_);
    const float x_scale = *load_f32(c, kInputScale, table_);
    const auto zero = [&](size_t i) { return c.has_input(i) ? &c.input(i) : nullptr; };
    product_.run(c, {&c.input(kInput), &c.input(kWeight), zero(kInputZero), zero(kWeightZero), dims, nullptr},
                 [&](int32_t* acc, int64_t first, int64_t rows, int64_t n) {
                   scale_rows(c.par, acc, qkv + first * n, rows, n, x_scale,
                              {w_scale, static_cast<size_t>(c.input(kWeightScale).count)}, bias);
                 });
    return qkv;
  }

  /// [2, batch, heads, keys, size] from the past and the new keys and values.
  void join(KernelContext& c, const float* qkv, int64_t past, int64_t keys, float* to) const {
    const float* old = load_f32(c, kPast, table_);
    const int64_t batch = c.input(kInput).dim[0], length = c.input(kInput).dim[1], hidden = c.output(0).dim[2],
                  size = hidden / heads_, per_half = batch * heads_;
    c.par.loop(2 * per_half, static_cast<double>(keys * size) * 0.3, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        float* head = to + i * keys * size;
        if (past > 0) std::copy_n(old + i * past * size, past * size, head);
        const int64_t b = i % per_half / heads_, h = i % heads_;
        const float* from = qkv + b * length * 3 * hidden + (1 + i / per_half) * hidden + h * size;
        for (int64_t t = 0; t < length; ++t) std::copy_n(from + t * 3 * hidden, size, head + (past + t) * size);
      }
    });
  }

  int64_t heads_;
  bool causal_;
  float scale_, filter_;
  IntegerProduct product_;
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  const int64_t heads = heads_of(c.attrs());
  const DType t = c.dtype(kBias);
  expect_rank(c, kInput, 3);
  expect_rank(c, kWeight, 2);
  expect_rank(c, kPast, 5);
  expect_scalars(c, {kInputScale, kInputZero});
  if (!c.has_rank(kInput) || !c.has_rank(kWeight)) {
    c.set_unranked(1, t);
    return c.set_unranked(0, t);
  }
  const Dims &x = c.dims(kInput), &w = c.dims(kWeight);
  expect_equal(c, x[2], w[0], "last dim of input and rows of weight");
  if (!is_symbol(w[1]) && w[1] % (3 * heads) != 0)
    fail("weight has {} columns, expected a multiple of 3 times num_heads = {}", w[1], heads);
  for (size_t i : {kBias, kWeightScale, kWeightZero})
    if (c.has_rank(i)) {
      const int64_t n = c.sym.product(c.dims(i));
      if (differ(n, w[1]) && (i == kBias || differ(n, 1)))
        fail("input {} has {} elements, expected one per column of weight", static_cast<int>(i), c.sym.to_string(n));
    }
  const int64_t hidden = c.sym.floor_div(w[1], 3), size = c.sym.floor_div(hidden, heads);
  int64_t keys = x[1];
  if (c.has_input(kPast)) {
    keys = c.has_rank(kPast) ? c.sym.add(c.dims(kPast)[3], x[1]) : c.fresh();
    const int64_t expected[] = {2, x[0], heads, 0, size};
    for (size_t i : {0, 1, 2, 4})
      if (c.has_rank(kPast))
        expect_equal(c, c.dims(kPast)[i], expected[i], "dims of past and [2, batch, heads, past, size]");
  }
  check_key_mask(c, kMask, x[0], x[1], keys);
  c.set(0, t, {x[0], x[1], hidden});
  c.set(1, t, {2, x[0], heads, keys, size});
}

constexpr DTypeSet kFloats = dtype_set({DType::kFloat, DType::kFloat16});
constexpr PortUse kOpt = PortUse::kOptional;
constexpr Port kIn[] = {{"input", kByteSet, "T1"},
                        {"weight", kByteSet, "T2"},
                        {"bias", kFloats, "T3"},
                        {"input_scale", kFloats, "T3"},
                        {"weight_scale", kFloats, "T3"},
                        {"mask_index", dtype_bit(DType::kInt32), "T4", kOpt},
                        {"input_zero_point", kByteSet, "T1", kOpt},
                        {"weight_zero_point", kByteSet, "T2", kOpt},
                        {"past", kFloats, "T3", kOpt}};
constexpr Port kOut[] = {{"output", kFloats, "T3"}, {"present", kFloats, "T3", kOpt}};
constexpr AttrDef kAttrs[] = {
    optional_attr("do_rotary", AttrKind::kInt), optional_attr("mask_filter_value", AttrKind::kFloat),
    required_attr("num_heads", AttrKind::kInt), optional_attr("past_present_share_buffer", AttrKind::kInt),
    optional_attr("scale", AttrKind::kFloat),   int_attr("unidirectional", 0)};
constexpr OpDef kOps[] = {{"QAttention", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<QAttention>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::qattention
