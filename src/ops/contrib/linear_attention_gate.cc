// com.microsoft LinearAttentionGate: decay = decay_scale softplus(a + dt_bias) and beta = sigmoid(b).
#include <cmath>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::linear_attention_gate {
namespace {

enum In : size_t { kA, kDtBias, kScale, kB };

void infer(InferContext& c) {
  if (c.has_output(1) && !c.has_input(kB)) fail("beta is wanted, but b is missing");
  expect_rank(c, kA, 3);
  expect_rank(c, kB, 3);
  for (size_t i : {kDtBias, kScale}) {
    expect_rank(c, i, 1);
    if (c.has_rank(i) && c.has_rank(kA))
      expect_equal(c, c.dims(i)[0], c.dims(kA)[2], "entries of dt_bias, decay_scale and heads of a");
  }
  for (size_t d = 0; c.has_rank(kA) && c.has_rank(kB) && d < 3; ++d)
    expect_equal(c, c.dims(kB)[d], c.dims(kA)[d], "dims of b and a");
  c.set_type(0, c.type(kA));
  c.set_type(1, c.type(kA));
}

float softplus(float x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& n) : table_(kernels::kernels_for(n.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(kA);
    if (x.count == 0) return;
    const int64_t heads = x.dim[2];
    const F32Result decay(c, c.output(0), table_);
    const float *a = load_f32(c, x, table_), *bias = c.input(kDtBias).as<float>(), *scale = c.input(kScale).as<float>();
    c.par.loop(x.count, 10, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) decay.data()[i] = scale[i % heads] * softplus(a[i] + bias[i % heads]);
    });
    decay.store(c);
    if (!c.has_output(1)) return;
    const F32Result beta(c, c.output(1), table_);
    const float* b = load_f32(c, kB, table_);
    const auto sigmoid = kernels::activation_row(kernels::Activation::kSigmoid, table_);
    c.par.loop(x.count, 1.5,
               [&](int64_t begin, int64_t end) { sigmoid(b + begin, beta.data() + begin, end - begin, 0, 0); });
    beta.store(c);
  }

 private:
  const kernels::KernelTable& table_;
};

constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr Port kIn[] = {{"a", kSet},
                        {"dt_bias", kFloat32Set, "TF"},
                        {"decay_scale", kFloat32Set, "TF"},
                        {"b", kSet, "T", PortUse::kOptional}};
constexpr Port kOut[] = {{"decay", kSet}, {"beta", kSet, "T", PortUse::kOptional}};
constexpr OpDef kOps[] = {{"LinearAttentionGate", "com.microsoft", 1, 0, kIn, kOut, {}, infer, make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::linear_attention_gate
