// com.microsoft QAttention: Attention whose projection of an 8-bit input to queries, keys and values is an integer
// product.
#include "kernels/table.h"
#include "ops/integer_product.h"
#include "ops/quantization.h"
#include "ops/rows.h"
#include "ops/self_attention.h"
#include "ops/staging.h"

namespace tenon::ops::qattention {
namespace {

enum In : size_t { kInput, kWeight, kBias, kInputScale, kWeightScale, kMask, kInputZero, kWeightZero, kPast };

class QAttention final : public Kernel {
 public:
  explicit QAttention(const NodeInfo& n)
      : product_(n, {kInput, kWeight, kInputZero, kWeightZero}), table_(product_.table()), attention_(n, table_) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(kInput), &y = c.output(0);
    if (y.count == 0) return;
    const int64_t hidden = y.dim[2];
    attention_.run(c, project(c, x.dim[0], x.dim[1], 3 * hidden), hidden, hidden, {.mask = kMask, .past = kPast});
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

  IntegerProduct product_;
  const kernels::KernelTable& table_;
  SelfAttention attention_;
};

void infer(InferContext& c) {
  const int64_t heads = SelfAttention::heads_of(c.attrs());
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
  const int64_t hidden = c.sym.floor_div(w[1], 3);
  SelfAttention::infer(c, t, hidden, hidden, {.mask = kMask, .past = kPast});
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
