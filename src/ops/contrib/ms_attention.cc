// com.microsoft Attention: queries, keys and values are one product of the input.
#include "kernels/table.h"
#include "ops/matrix_product.h"
#include "ops/self_attention.h"
#include "ops/staging.h"

namespace tenon::ops::ms_attention {
namespace {

enum In : size_t { kInput, kWeights, kBias, kMask, kPast, kAttentionBias, kPastLength };
constexpr SelfAttention::Operands kOperands{kMask, kPast, kAttentionBias};

/// The width of the values, which is not a third of the columns where qkv_hidden_sizes says so.
int64_t v_hidden_of(const graph::Attrs& attrs, int64_t columns, int64_t heads) {
  const auto sizes = attrs.get_ints("qkv_hidden_sizes");
  const bool thirds = sizes.empty() && columns % 3 == 0;
  const int64_t q = thirds              ? columns / 3
                    : sizes.size() == 3 ? sizes[0]
                                        : 0,
                v = thirds              ? columns / 3
                    : sizes.size() == 3 ? sizes[2]
                                        : 0;
  if (q < 1 || v < 1 || q % heads != 0 || v % heads != 0 || q >= columns || v >= columns || 2 * q + v != columns ||
      (!thirds && sizes[1] != q))
    fail("weights has {} columns, expected three hidden sizes (attribute qkv_hidden_sizes) of {} heads", columns,
         heads);
  return v;
}

void infer(InferContext& c) {
  const int64_t heads = SelfAttention::heads_of(c.attrs());
  const DType t = c.dtype(kInput);
  if (c.has_input(kPastLength)) fail(ErrorCode::kNotImplemented, "past_sequence_length is given");
  expect_rank(c, kInput, 3);
  expect_rank(c, kWeights, 2);
  expect_rank(c, kBias, 1);
  if (!c.has_rank(kInput) || !c.has_rank(kWeights)) {
    c.set_unranked(1, t);
    return c.set_unranked(0, t);
  }
  const Dims& w = c.dims(kWeights);
  expect_equal(c, c.dims(kInput)[2], w[0], "last dim of input and rows of weights");
  if (c.has_rank(kBias)) expect_equal(c, c.dims(kBias)[0], w[1], "entries of bias and columns of weights");
  const int64_t v = is_symbol(w[1]) ? c.fresh() : v_hidden_of(c.attrs(), w[1], heads);
  const int64_t q = is_symbol(w[1]) ? c.fresh() : (w[1] - v) / 2;
  SelfAttention::infer(c, t, q, v, kOperands);
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& n) : product_(n), attention_(n, product_.table()) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(kInput), &w = c.input(kWeights), &y = c.output(0);
    const int64_t columns = w.dim[1], dims[] = {x.dim[0], x.dim[1], columns};
    TensorRef qkv{nullptr, dims, 3, x.dtype, checked_mul(x.dim[0] * x.dim[1], columns)};
    qkv.data = c.scratch(static_cast<int64_t>(qkv.bytes()));
    TensorRef slots[] = {x, w, qkv};
    const uint32_t in[] = {0, 1}, out[] = {2};
    KernelContext inner = c.over(slots, in, out);
    kernels::Epilogue e;
    e.bias = load_f32(c, kBias, product_.table());
    if (e.bias) e.bias_kind = kernels::BiasKind::kPerColumn;
    if (qkv.count > 0) product_.run(inner, e);
    const int64_t v = y.dim[2];
    attention_.run(c, load_f32(c, qkv, product_.table()), (columns - v) / 2, v, kOperands);
  }

 private:
  matmul::Product product_;
  SelfAttention attention_;
};

constexpr PortUse kOpt = PortUse::kOptional;
constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr DTypeSet kInt32Set = dtype_bit(DType::kInt32);
constexpr Port kIn[] = {{"input", kSet},
                        {"weights", kSet},
                        {"bias", kSet, "T", kOpt},
                        {"mask_index", kInt32Set, "M", kOpt},
                        {"past", kSet, "T", kOpt},
                        {"attention_bias", kSet, "T", kOpt},
                        {"past_sequence_length", kInt32Set, "M", kOpt}};
constexpr Port kOut[] = {{"output", kSet}, {"present", kSet, "T", kOpt}};
constexpr AttrDef kAttrs[] = {
    optional_attr("do_rotary", AttrKind::kInt),         optional_attr("mask_filter_value", AttrKind::kFloat),
    required_attr("num_heads", AttrKind::kInt),         optional_attr("past_present_share_buffer", AttrKind::kInt),
    optional_attr("qkv_hidden_sizes", AttrKind::kInts), optional_attr("rotary_embedding_dim", AttrKind::kInt),
    optional_attr("scale", AttrKind::kFloat),           int_attr("unidirectional", 0)};
constexpr OpDef kOps[] = {{"Attention", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::ms_attention
