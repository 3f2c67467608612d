// Constants folded into convolutions.
#include <gtest/gtest.h>

#include "graph/text.h"
#include "support/graph_text.h"
#include "support/op_runner.h"
#include "support/rewrite.h"

namespace tenon::passes::fold_conv_test {
namespace {

using test::expect_untouched;

constexpr const char* kHead = R"(graph (x: float[n,2,4,4]) opset 17 {
  w: float[2,2,1,1] = {0.5, -1, 2, 0.25}  b: float[2] = {0.125, -3}
  g: float[2] = {1.5, -0.5}  be: float[2] = {0.25, 1}  m: float[2] = {0.5, -0.75}  v: float[2] = {0.3, 2}
  k: float[2,1,1] = {2, -0.5}  row: float[4] = {1, 2, 3, 4} one: float[1] = {3}  same: float[1,2,1,1] = {0.5, 0.75}
)";

/// Convolution with other constants, one node, and the same results.
void expect_folded(std::string_view rule, const std::string& body) {
  const std::string text = kHead + body + " return y }";
  const auto before = test::parse_graph(text);
  const auto r = test::rewrite(text, std::string(rule));
  ASSERT_EQ(r.graph->live_nodes(), 1u) << r.text;
  const graph::Node& conv = r.graph->node(r.graph->region().nodes[0]);
  EXPECT_TRUE(conv.op == "Conv" || conv.op == "ConvTranspose");
  EXPECT_EQ(r.graph->value(conv.outputs[0]).name, "y");
  EXPECT_EQ(conv.provenance.size(), 2u);
  const auto feeds = test::random_feeds(*before);
  EXPECT_LE(test::max_difference(test::evaluate(*before, feeds)[0], test::evaluate(*r.graph, feeds)[0]), 1e-5);
}

TEST(FoldConvBn, WithAndWithoutBias) {
  expect_folded("fold_conv_bn", "c = Conv(x, w, b) y = BatchNormalization(c, g, be, m, v)");
  expect_folded("fold_conv_bn", "c = Conv(x, w) y = BatchNormalization<epsilon=0.1>(c, g, be, m, v)");
}
TEST(FoldConvBn, Transposed) {
  expect_folded("fold_conv_bn", R"(
    tw: float[2,3,1,2] = {0.5, 1, -2, 3, 0.25, -1, 2, 4, -0.5, 1, 1.5, -3}  tg: float[3] = {1, -2, 0.5}
    tb: float[3] = {0.5, 0.25, 1}  tm: float[3] = {1, 0, -1}  tv: float[3] = {0.5, 1, 2}
    c = ConvTranspose(x, tw)  y = BatchNormalization(c, tg, tb, tm, tv))");
  expect_folded("fold_conv_bn", R"(
    tw: float[2,1,2,1] = {0.5, 1, -2, 3}
    c = ConvTranspose<group=2>(x, tw, b)  y = BatchNormalization(c, g, be, m, v))");
}
TEST(FoldConvBn, NearMisses) {
  const auto stays = [](const std::string& body, std::string_view reason) {
    expect_untouched("fold_conv_bn", kHead + body, reason);
  };
  stays("c = Conv(x, w, b) y = BatchNormalization(c, g, be, m, v) z = Relu(c) return y, z }",
        "the convolution has other readers");
  stays("c = Conv(x, w, b) y = BatchNormalization(c, g, be, m, v) return y, c }", "the convolution has other readers");
  stays("t = Identity(w) c = Conv(x, t, b) y = BatchNormalization(c, g, be, m, v) return y }",
        "the weight is not constant");
  stays("t = Identity(m) c = Conv(x, w, b) y = BatchNormalization(c, g, be, t, v) return y }",
        "a parameter is not constant");
  stays("y = BatchNormalization(x, g, be, m, v) return y }", "");
}

TEST(FoldConvScale, PerChannelOrOne) {
  for (const char* body :
       {"c = Conv(x, w, b) y = Mul(c, k)", "c = Conv(x, w) y = Mul(k, c)", "c = Conv(x, w) y = Mul(c, one)",
        "c = Conv(x, w, b) y = Add(c, k)", "c = Conv(x, w) y = Add(one, c)", "c = Conv(x, w, b) y = Mul(c, same)"})
    expect_folded("fold_conv_scale", body);
}
TEST(FoldConvScale, NearMisses) {
  expect_untouched("fold_conv_scale", std::string(kHead) + "c = Conv(x, w, b) y = Mul(c, row) return y }",
                   "the constant varies within a channel");
  expect_untouched("fold_conv_scale", std::string(kHead) + "c = Conv(x, w, b) y = Mul(c, x) return y }");
  expect_untouched("fold_conv_scale", std::string(kHead) + "c = Conv(x, w, b) y = Mul(c, k) z = Exp(c) return y, z }",
                   "the convolution has other readers");
}

}  // namespace
}  // namespace tenon::passes::fold_conv_test
