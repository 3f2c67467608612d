// ai.tenon FusedMatMulBias: activation(A B + bias).
#include "kernels/table.h"
#include "ops/activation_attr.h"
#include "ops/matrix_product.h"
#include "ops/staging.h"

namespace tenon::ops::fused_matmul_bias {
namespace {

void infer(InferContext& c) {
  read_epilogue(c.attrs());
  expect_rank(c, 2, 1);
  matmul::infer_product(c, {});
  if (!c.has_rank(1) || !c.has_rank(2)) return;
  const Dims& b = c.dims(1);
  if (b.size() < 2) fail("B has rank {}, expected at least 2", b.size());
  expect_equal(c, c.dims(2)[0], b.back(), "entries of bias and columns of B");
}

/// Bias is added per column before the activation, inside the product.
class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info) : product_(info), epilogue_(read_epilogue(info.attrs)) {}
  void run(KernelContext& c) const override {
    kernels::Epilogue e = epilogue_;
    e.bias = load_f32(c, 2, product_.table());
    e.bias_kind = kernels::BiasKind::kPerColumn;
    product_.run(c, e);
  }

 private:
  matmul::Product product_;
  kernels::Epilogue epilogue_;
};

/// activation(A B + bias) over standard ops and ONNX Runtime's own activations.
std::string body(const graph::Attrs& attrs, int opset) {
  const std::string activation(attrs.get_string("activation", ""));
  const auto p = attrs.get_floats("activation_params");
  std::string last = "return s";
  if (activation == "Clip")
    last = fmt::format(
        "lo: float[] = {{{}}} hi: float[] = {{{}}} l = CastLike(lo, s) h = CastLike(hi, s) "
        "y = Clip(s, l, h) return y",
        p[0], p[1]);
  else if (activation == "HardSigmoid")
    last = fmt::format("y = HardSigmoid<alpha={:f}, beta={:f}>(s) return y", p[0], p[1]);
  else if (activation == "Gelu" || activation == "FastGelu")
    last = fmt::format("y = com.microsoft.{}(s) return y", activation);
  else if (activation == "QuickGelu")
    last = fmt::format("y = com.microsoft.QuickGelu<alpha={:f}>(s) return y", p[0]);
  else if (!activation.empty())
    last = fmt::format("y = {}{}(s) return y", activation, p.empty() ? "" : fmt::format("<alpha={:f}>", p[0]));
  return fmt::format(
      "graph FusedMatMulBias (A: float, B: float, bias: float) opset {}, com.microsoft 1 {{ "
      "p = MatMul(A, B) s = Add(p, bias) {} }}",
      activation == "Clip" ? std::max(opset, 15) : opset, last);
}

constexpr DTypeSet kSet = dtype_set({DType::kFloat, DType::kFloat16, DType::kBFloat16});
constexpr Port kIn[] = {{"A", kSet}, {"B", kSet}, {"bias", kSet}}, kOut[] = {{"Y", kSet}};
constexpr AttrDef kAttrs[] = {string_attr("activation", ""), optional_attr("activation_params", AttrKind::kFloats)};
constexpr OpDef kOps[] = {{.name = "FusedMatMulBias",
                           .domain = "ai.tenon",
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Kernel>,
                           .body = body}};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::fused_matmul_bias
