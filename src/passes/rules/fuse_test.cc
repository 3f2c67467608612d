// Fusions of products and activations.
#include <gtest/gtest.h>

#include "support/rewrite.h"

namespace tenon::passes::fuse_test {
namespace {

using test::expect_rewrite;
using test::expect_untouched;

TEST(MatMulAddToGemm, Matrices) {
  for (const char* bias : {"c: float[3]", "c: float[1,3]", "c: float[n,3]", "c: float[]"}) {
    const std::string head = std::string("graph (a: float[n,2], b: float[2,3], ") + bias + ") opset 17 { ";
    expect_rewrite("matmul_add_to_gemm", head + "m = MatMul(a, b) y = Add(m, c) return y }",
                   head + "y = Gemm(a, b, c) @Add_1 return y }");
    expect_rewrite("matmul_add_to_gemm", head + "m = MatMul(a, b) y = Add(c, m) return y }",
                   head + "y = Gemm(a, b, c) @Add_1 return y }");
  }
}
TEST(MatMulAddToGemm, NearMisses) {
  const auto stays = [](const char* text, std::string_view reason) {
    expect_untouched("matmul_add_to_gemm", text, reason);
  };
  stays("graph (a: float[n,2], b: float[2,3], c: float[3]) opset 17 { m = MatMul(a, b) y = Add(m, c) return y, m }",
        "the product has other readers");
  stays("graph (a: float[k,n,2], b: float[2,3], c: float[3]) opset 17 { m = MatMul(a, b) y = Add(m, c) return y }", "");
  stays("graph (a: float[1,2], b: float[2,3], c: float[4,3]) opset 17 { m = MatMul(a, b) y = Add(m, c) return y }",
        "the sum has another shape than the product");
  stays("graph (a: float[1,2], b: float[2,3], c: float[1,1,3]) opset 17 { m = MatMul(a, b) y = Add(m, c) return y }",
        "the sum has another shape than the product");
}

constexpr const char* kGeluHead = R"(graph (x: float[n,8]) opset 20 {
  half: float[] = {0.5}  root: float[] = {1.4142135}  inverse: float[1] = {0.70710677}  one: float[] = {1}
)";

TEST(FuseGelu, AnyOrderAndGrouping) {
  for (const char* body : {
           "d = Div(x, root) e = Erf(d) a = Add(e, one) m = Mul(x, a) y = Mul(m, half) return y }",
           "d = Mul(inverse, x) e = Erf(d) a = Add(one, e) m = Mul(a, x) y = Mul(half, m) return y }",
           "h = Mul(x, half) d = Div(x, root) e = Erf(d) a = Add(e, one) y = Mul(h, a) return y }",
           "h = Mul(half, x) d = Mul(x, inverse) e = Erf(d) a = Add(e, one) y = Mul(a, h) return y }",
           "d = Div(x, root) e = Erf(d) a = Add(e, one) h = Mul(a, half) y = Mul(x, h) return y }",
       }) {
    const std::string text = std::string(kGeluHead) + body;
    const auto r = test::rewrite(text, "fuse_gelu");
    EXPECT_NE(r.text.find("y = Gelu(x)"), std::string::npos) << body;
    EXPECT_EQ(r.graph->live_nodes(), 1u);
    EXPECT_EQ(r.graph->node(r.graph->region().nodes[0]).provenance.size(), 5u);
  }
  expect_rewrite(
      "fuse_gelu",
      std::string(kGeluHead) + "h = Mul(x, half) d = Div(x, root) e = Erf(d) a = Add(e, one) y = Mul(h, a) return y }",
      "graph (x: float[n,8]) opset 20 { inverse: float[1] = {0.70710677} y = Gelu(x) @Mul_4 return y }");
}
TEST(FuseGelu, OlderOpsetsTakeTheContribOp) {
  const char* before = R"(graph (x: float[n,8]) opset 17 {
      half: float[] = {0.5}  root: float[] = {1.4142135}  one: float[] = {1}
      h = Mul(x, half) d = Div(x, root) e = Erf(d) a = Add(e, one) y = Mul(h, a) return y })";
  expect_untouched("fuse_gelu", before);
  expect_rewrite("fuse_contrib_gelu", before,
                 "graph (x: float[n,8]) opset 17 { y = com.microsoft.Gelu(x) @Mul_4 return y }");
}
TEST(FuseGelu, NearMisses) {
  for (const char* body : {
           "h = Mul(x, half) d = Div(x, half) e = Erf(d) a = Add(e, one) y = Mul(h, a) return y }",
           "h = Mul(x, half) d = Div(x, root) e = Erf(d) a = Add(e, half) y = Mul(h, a) return y }",
           "h = Mul(x, one) d = Div(x, root) e = Erf(d) a = Add(e, one) y = Mul(h, a) return y }",
           "q = Relu(x) h = Mul(q, half) d = Div(x, root) e = Erf(d) a = Add(e, one) y = Mul(h, a) return y }",
           "h = Mul(x, half) d = Div(x, root) e = Erf(d) a = Add(e, one) y = Mul(h, a) return y, e }",
           "h = Mul(x, half) d = Div(root, x) e = Erf(d) a = Add(e, one) y = Mul(h, a) return y }",
       })
    expect_untouched("fuse_gelu", std::string(kGeluHead) + body);
}

TEST(FuseConv, ActivationAndResidual) {
  const std::string head = R"(graph (x: float[n,2,4,4], z: float[n,2,4,4]) opset 17 {
      w: float[2,2,1,1] = {0.5, -1, 2, 0.25}  b: float[2] = {0.125, -3}  lo: float[] = {0}  hi: float[] = {6}
)";
  const std::string constants = R"(graph (x: float[n,2,4,4], z: float[n,2,4,4]) opset 17 {
      w: float[2,2,1,1] = {0.5, -1, 2, 0.25}  b: float[2] = {0.125, -3} lo: float[] = {0}  hi: float[] = {6}
)";
  expect_rewrite("fuse_conv_activation", head + "c = Conv(x, w, b) y = Relu(c) return y }",
                 constants + "y = com.microsoft.FusedConv<activation=\"Relu\">(x, w, b) @Relu_1 return y }");
  expect_rewrite("fuse_conv_add", head + "c = Conv(x, w) y = Add(z, c) return y }",
                 constants + "y = com.microsoft.FusedConv(x, w, _, z) @Add_1 return y }");
  const auto both = test::rewrite(head + "c = Conv(x, w, b) s = Add(c, z) y = Clip(s, lo, hi) return y }",
                                  "fuse_conv_add,fuse_conv_activation");
  EXPECT_NE(both.text.find("FusedConv<activation=\"Clip\", activation_params=[0.0, 6.0]>(x, w, b, z)"),
            std::string::npos)
      << both.text;
  EXPECT_EQ(both.graph->live_nodes(), 1u);
  expect_untouched("fuse_conv_activation", head + "c = Conv(x, w, b) y = Relu(c) return y, c }",
                   "the convolution has other readers");
  expect_untouched("fuse_conv_activation", head + "c = Conv(x, w, b) h = Relu(lo) y = Clip(c, h) return y }",
                   "a parameter of the activation is not constant");
  expect_untouched("fuse_conv_add", head + "c = Conv(x, w, b) p = ReduceMax(z) y = Add(c, p) return y }",
                   "the sum broadcasts");
}

TEST(FuseGemm, Activation) {
  const std::string head = "graph (a: float[n,2], b: float[2,3], c: float[3]) opset 17 { ";
  expect_rewrite("fuse_gemm_activation", head + "m = Gemm(a, b, c) y = LeakyRelu<alpha=0.5>(m) return y }",
                 head +
                     "y = com.microsoft.FusedGemm<activation=\"LeakyRelu\", activation_alpha=0.5>(a, b, c) "
                     "@LeakyRelu_1 return y }");
  expect_untouched("fuse_gemm_activation", head + "m = Gemm(a, b, c) y = Relu(m) return y, m }",
                   "the product has other readers");
}

TEST(FuseMatMul, TransposesAndScales) {
  const std::string head = "graph (a: float[k,n,4], b: float[k,n,4]) opset 17 { c: float[] = {0.5} ";
  expect_rewrite("fuse_matmul_transpose,fuse_matmul_scale",
                 head + "t = Transpose<perm=[0,2,1]>(b) m = MatMul(a, t) y = Div(m, c) return y }",
                 "graph (a: float[k,n,4], b: float[k,n,4]) opset 17 {"
                 "y = com.microsoft.FusedMatMul<transB=1, alpha=2.0>(a, b) @Div_2 return y }");
  expect_rewrite("fuse_matmul_scale",
                 head + "t = Transpose<perm=[0,2,1]>(b) s = Mul(c, a) u = Mul(t, c) y = MatMul(s, u) return y }",
                 "graph (a: float[k,n,4], b: float[k,n,4]) opset 17 {"
                 "t = Transpose<perm=[0,2,1]>(b)"
                 "y = com.microsoft.FusedMatMul<alpha=0.25>(a, t) @MatMul_3 return y }");
  expect_untouched("fuse_matmul_transpose", head + "t = Transpose<perm=[2,0,1]>(b) y = MatMul(a, t) return y }");
  expect_untouched("fuse_matmul_transpose", head + "t = Transpose<perm=[0,2,1]>(b) y = MatMul(a, t) return y, t }",
                   "the transpose has other readers");
  expect_untouched("fuse_matmul_scale",
                   head + "t = Transpose<perm=[0,2,1]>(b) m = MatMul(a, t) y = Div(c, m) return y }");
}

TEST(FuseMatMulBias, BiasAndActivation) {
  const std::string head = "graph (a: float[k,n,4], b: float[4,3], c: float[3]) opset 20 { ";
  expect_rewrite("fuse_matmul_bias", head + "m = MatMul(a, b) y = Add(c, m) return y }",
                 head + "y = ai.tenon.FusedMatMulBias(a, b, c) @Add_1 return y }");
  expect_rewrite("fuse_matmul_bias,fuse_matmul_bias_activation",
                 head + "m = MatMul(a, b) s = Add(c, m) y = Gelu(s) return y }",
                 head + "y = ai.tenon.FusedMatMulBias<activation=\"Gelu\">(a, b, c) @Gelu_2 return y }");
  expect_untouched("fuse_matmul_bias",
                   "graph (a: float[k,n,4], b: float[4,3], c: float[1]) opset 20 {"
                   "m = MatMul(a, b) y = Add(c, m) return y }",
                   "the bias is not one value per column");
}

}  // namespace
}  // namespace tenon::passes::fuse_test
