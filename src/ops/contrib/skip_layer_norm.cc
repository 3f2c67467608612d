// com.microsoft SkipLayerNormalization and SkipSimplifiedLayerNormalization: rows of input + skip + bias, normalised.
#include "kernels/reduce.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::skip_layer_norm {
namespace {

enum Out : size_t { kY, kMean, kInvStd, kSum };

/// Operands: input, skip, gamma, then beta (not for the simplified form) and bias.
template <bool kSimplified>
void infer(InferContext& c) {
  if (!c.has_rank(0)) {
    c.set_unranked(kMean, DType::kFloat);
    c.set_unranked(kInvStd, DType::kFloat);
    c.set_unranked(kSum, c.dtype(0));
    return c.set_unranked(kY, c.dtype(0));
  }
  const Dims& x = c.dims(0);
  if (x.size() < 2) fail("input has rank {}, expected at least 2", x.size());
  for (size_t i = 2; i < (kSimplified ? 4 : 5); ++i) {
    expect_rank(c, i, 1);
    if (c.has_rank(i))
      expect_equal(c, c.dims(i)[0], x.back(), "entries of gamma, beta, bias and the last dim of input");
  }
  if (c.has_rank(1)) {  // skip may lack the batch, or have a batch of 1
    const Dims& s = c.dims(1);
    if (s.size() > x.size() || s.size() + 1 < x.size())
      fail("skip is {}, expected the dims of input {}, or those without its batch", c.sym.to_string(s),
           c.sym.to_string(x));
    for (size_t i = 0; i < s.size(); ++i) {
      const size_t at = x.size() - s.size() + i;
      if (!(at == 0 && s[i] == 1)) expect_equal(c, s[i], x[at], "dims of skip and input");
    }
  }
  Dims rows = x;
  rows.back() = 1;
  c.set(kMean, DType::kFloat, rows);
  c.set(kInvStd, DType::kFloat, std::move(rows));
  c.set(kSum, c.dtype(0), x);
  c.set(kY, c.dtype(0), x);
}

template <bool kSimplified>
class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : eps_(info.attrs.get_float("epsilon", 1e-12f)), table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    if (x.count == 0) return;
    kernels::NormArgs a;
    a.n = x.dim[x.rank - 1];
    a.rows = x.count / a.n;
    a.skip_rows = c.input(1).count / a.n;
    const F32Result y(c, c.output(kY), table_);
    std::optional<F32Result> sum;
    if (c.has_output(kSum)) sum.emplace(c, c.output(kSum), table_);
    a.x = load_f32(c, 0, table_);
    a.skip = load_f32(c, 1, table_);
    a.scale = load_f32(c, 2, table_);
    if (!kSimplified) a.bias = load_f32(c, 3, table_);
    a.skip_bias = load_f32(c, kSimplified ? 3 : 4, table_);
    a.eps = eps_;
    a.y = y.data();
    if (sum) a.sum = sum->data();
    if (c.has_output(kMean)) a.mean = c.output(kMean).out<float>();
    if (c.has_output(kInvStd)) a.inv_std = c.output(kInvStd).out<float>();
    if (kSimplified) {
      if (a.mean) std::fill_n(a.mean, a.rows, 0.f);
      kernels::rms_norm(a, c.par, table_);
    } else {
      kernels::layer_norm(a, c.par, table_);
    }
    y.store(c);
    if (sum) sum->store(c);
  }

 private:
  float eps_;
  const kernels::KernelTable& table_;
};

constexpr PortUse kOpt = PortUse::kOptional;
constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr DTypeSet kStat = dtype_bit(DType::kFloat);
constexpr Port kIn[] = {
    {"input", kSet}, {"skip", kSet}, {"gamma", kSet}, {"beta", kSet, "T", kOpt}, {"bias", kSet, "T", kOpt}};
constexpr Port kSimpleIn[] = {{"input", kSet}, {"skip", kSet}, {"gamma", kSet}, {"bias", kSet, "T", kOpt}};
constexpr Port kOut[] = {{"output", kSet},
                         {"mean", kStat, "U", kOpt},
                         {"inv_std_var", kStat, "U", kOpt},
                         {"input_skip_bias_sum", kSet, "T", kOpt}};
constexpr AttrDef kAttrs[] = {float_attr("epsilon", 1e-12f)};
constexpr OpDef kOps[] = {
    {"SkipLayerNormalization", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer<false>, make<Kernel<false>>},
    {"SkipSimplifiedLayerNormalization", "com.microsoft", 1, 0, kSimpleIn, kOut, kAttrs, infer<true>,
     make<Kernel<true>>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::skip_layer_norm
