// com.microsoft BiasGelu: gelu(A + B) by erf; FastGelu: gelu(X + bias) by tanh, the bias optional.
#include <cmath>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::bias_gelu {
namespace {

void infer(InferContext& c) {
  expect_rank(c, 1, 1);
  if (c.has_rank(0) && c.has_rank(1)) {
    if (c.rank(0) == 0) fail("input 0 is a scalar, expected rank 1 or more");
    expect_equal(c, c.dims(1)[0], c.dims(0).back(), "entries of the bias and the last dim of input 0");
  }
  c.set_type(0, c.type(0));
}

double gelu(double x, bool by_tanh) {
  constexpr double kRoot2OverPi = 0.79788456080286535588, kRootHalf = 0.70710678118654752440;
  return x / 2 * (1 + (by_tanh ? std::tanh(kRoot2OverPi * (x + 0.044715 * x * x * x)) : std::erf(x * kRootHalf)));
}

template <bool kTanh>
class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info) : table_(kernels::kernels_for(info.isa)) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    if (x.count == 0) return;
    const int64_t n = x.rank > 0 ? x.dim[x.rank - 1] : 1;
    if (x.dtype == DType::kDouble) {
      const double *in = x.as<double>(), *bias = c.has_input(1) ? c.input(1).as<double>() : nullptr;
      double* y = c.output(0).out<double>();
      c.par.loop(x.count, 20, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) y[i] = gelu(in[i] + (bias ? bias[i % n] : 0), kTanh);
      });
      return;
    }
    const F32Result out(c, c.output(0), table_);
    const float *in = load_f32(c, 0, table_), *bias = load_f32(c, 1, table_);
    float* y = out.data();
    const auto add = kernels::binary_rows(kernels::Binary::kAdd, table_).vv;
    const auto act =
        kernels::activation_row(kTanh ? kernels::Activation::kGeluTanh : kernels::Activation::kGeluErf, table_);
    c.par.loop(x.count / n, 2.0 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const float* from = in + r * n;
        float* to = y + r * n;
        if (bias) add(from, bias, to, n);
        act(bias ? to : from, to, n, 0, 0);
      }
    });
    out.store(c);
  }

 private:
  const kernels::KernelTable& table_;
};

constexpr Port kBiasIn[] = {{"A", kFloatSet}, {"B", kFloatSet}}, kBiasOut[] = {{"C", kFloatSet}};
constexpr Port kFastIn[] = {{"X", kFloatSet}, {"bias", kFloatSet, "T", PortUse::kOptional}};
constexpr Port kFastOut[] = {{"Y", kFloatSet}};
constexpr OpDef kOps[] = {
    {"BiasGelu", "com.microsoft", 1, 0, kBiasIn, kBiasOut, {}, infer, make<Kernel<false>>, Lowering::kKernel, 1},
    {"FastGelu", "com.microsoft", 1, 0, kFastIn, kFastOut, {}, infer, make<Kernel<true>>, Lowering::kKernel, 1},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::bias_gelu
