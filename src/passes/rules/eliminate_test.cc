// Rules that remove nodes without effect.
#include <gtest/gtest.h>

#include "support/rewrite.h"

namespace tenon::passes::eliminate_test {
namespace {

using test::expect_rewrite;
using test::expect_untouched;

TEST(EliminateIdentity, GoesWhereTheResultKeepsItsNode) {
  expect_rewrite("eliminate_identity", R"(graph (x: float[n,3]) opset 17 {
      a = Relu(x)  b = Identity(a)  c = Identity(b)  d = Exp(b)  return c, d })",
                 R"(graph (x: float[n,3]) opset 17 {
      c = Relu(x)  d = Exp(c)  return c, d })");
}
TEST(EliminateIdentity, StaysBetweenInputAndResult) {
  expect_untouched("eliminate_identity", "graph (x: float[2]) opset 17 { y = Identity(x)  return y }",
                   "a result of the graph keeps its own node");
  expect_untouched("eliminate_identity", "graph (x: float[2]) opset 17 { r = Relu(x) y = Identity(r)  return r, y }",
                   "a result of the graph keeps its own node");
}

TEST(EliminateNoop, NeutralConstants) {
  struct Case {
    const char *op, *constant;
  };
  const Case cases[] = {{"Mul(x, c)", "c: float[] = {1}"},
                        {"Mul(c, x)", "c: float[1,3] = {1, 1, 1}"},
                        {"Div(x, c)", "c: float[1] = {1}"},
                        {"Sub(x, c)", "c: float[] = {0}"},
                        {"Add(x, c)", "c: float[3] = {-0, -0, -0}"},
                        {"Add(c, x)", "c: float[] = {-0}"},
                        {"Pow(x, c)", "c: float[] = {1}"}};
  for (const Case& c : cases) {
    const std::string head = std::string("graph (x: float[n,3]) opset 17 { ") + c.constant;
    expect_rewrite("eliminate_noop", head + " y = " + c.op + " z = Relu(y) return z }",
                   "graph (x: float[n,3]) opset 17 { z = Relu(x) return z }");
  }
  expect_rewrite("eliminate_noop",
                 "graph (x: int64[n]) opset 17 { c: int64[] = {0} y = Add(c, x) z = Abs(y) return z }",
                 "graph (x: int64[n]) opset 17 { z = Abs(x) return z }");
}
TEST(EliminateNoop, NearMisses) {
  const auto stays = [](const std::string& constant, const std::string& op, std::string_view reason) {
    expect_untouched("eliminate_noop",
                     "graph (x: float[n,3]) opset 17 { " + constant + " y = " + op + " z = Relu(y) return z }", reason);
  };
  stays("c: float[] = {0}", "Add(x, c)", "-0 + 0 is 0");
  stays("c: float[] = {-0}", "Sub(x, c)", "-0 - -0 is 0");
  stays("c: float[] = {1}", "Div(c, x)", "");
  stays("c: float[] = {0}", "Sub(c, x)", "");
  stays("c: float[] = {1}", "Pow(c, x)", "");
  stays("c: float[3] = {1, 1, 2}", "Mul(x, c)", "");
  stays("c: float[1,1,1] = {1}", "Mul(x, c)", "the constant changes the shape");
  stays("c: float[2,1,1] = {1, 1}", "Mul(x, c)", "the constant changes the shape");
  expect_untouched("eliminate_noop",  // an initializer that is an input can be fed
                   "graph (x: float[3], c: float[] = {1}) opset 17 { y = Mul(x, c) z = Relu(y) return z }");
}

TEST(EliminateDropout, OutsideTraining) {
  expect_rewrite("eliminate_dropout", "graph (x: float[n]) opset 17 { y, _ = Dropout(x) z = Relu(y) return z }",
                 "graph (x: float[n]) opset 17 { z = Relu(x) return z }");
  expect_rewrite("eliminate_dropout", R"(graph (x: float[n]) opset 17 {
      r: float[] = {0.5}  t: bool[] = {0}  y, m = Dropout(x, r, t)  z = Relu(y)  return z })",
                 "graph (x: float[n]) opset 17 { z = Relu(x) return z }");
  expect_rewrite("eliminate_dropout", "graph (x: float[n]) opset 7 { y = Dropout<ratio=0.5>(x) z = Relu(y) return z }",
                 "graph (x: float[n]) opset 7 { z = Relu(x) return z }");
}
TEST(EliminateDropout, NearMisses) {
  expect_untouched("eliminate_dropout", "graph (x: float[n]) opset 17 { y, m = Dropout(x)  z = Relu(y)  return z, m }",
                   "the mask is used");
  expect_untouched("eliminate_dropout", R"(graph (x: float[n], t: bool[]) opset 17 {
      r: float[] = {0.5}  y = Dropout(x, r, t)  z = Relu(y)  return z })",
                   "the node may train");
}

TEST(EliminateCast, ToTheSameType) {
  expect_rewrite("eliminate_cast", "graph (x: float[n]) opset 17 { y = Cast<to=1>(x) z = Relu(y) return z }",
                 "graph (x: float[n]) opset 17 { z = Relu(x) return z }");
  expect_untouched("eliminate_cast", "graph (x: float[n]) opset 17 { y = Cast<to=11>(x) z = Relu(y) return z }");
}

TEST(EliminateView, NothingMoves) {
  struct Case {
    const char *constants, *op;
  };
  const Case cases[] = {
      {"t: int64[2] = {0, -1}", "Reshape(x, t)"},
      {"t: int64[2] = {1, 1}", "Expand(x, t)"},
      {"t: int64[2] = {1, 1}", "Tile(x, t)"},
      {"t: int64[4] = {0, 0, 0, 0}", "Pad(x, t)"},
      {"", "Transpose<perm=[0,1]>(x)"},
      {"", "Concat<axis=1>(x)"},
      {"", "Flatten<axis=1>(x)"},
      {"s: int64[1] = {0}  e: int64[1] = {9223372036854775807}  a: int64[1] = {1}", "Slice(x, s, e, a)"},
  };
  for (const Case& c : cases) {
    expect_rewrite(
        "eliminate_view",
        std::string("graph (x: float[n,3]) opset 17 { ") + c.constants + " y = " + c.op + " z = Relu(y) return z }",
        "graph (x: float[n,3]) opset 17 { z = Relu(x) return z }");
  }
}
TEST(EliminateView, NearMisses) {
  struct Case {
    const char *constants, *op;
  };
  const Case cases[] = {
      {"t: int64[2] = {-1, 1}", "Reshape(x, t)"},
      {"", "Transpose<perm=[1,0]>(x)"},
      {"t: int64[2] = {2, 1}", "Tile(x, t)"},
      {"t: int64[4] = {0, 1, 0, -1}", "Pad(x, t)"},  // same shape, other elements
      {"", "Concat<axis=1>(x, x)"},
      {"s: int64[1] = {-1}  e: int64[1] = {-9223372036854775807}  a: int64[1] = {1}  k: int64[1] = {-1}",
       "Slice(x, s, e, a, k)"},
  };
  for (const Case& c : cases) {
    expect_untouched("eliminate_view", std::string("graph (x: float[3,3]) opset 17 { ") + c.constants + " y = " + c.op +
                                           " z = Relu(y) return z }");
  }
}

TEST(SwapWhere, NegatedConditions) {
  expect_rewrite("swap_where", R"(graph (c: bool[n], a: float[n], b: float[n]) opset 17 {
      d = Not(c)  y = Where(d, a, b)  return y })",
                 "graph (c: bool[n], a: float[n], b: float[n]) opset 17 { y = Where(c, b, a) @Where_1  return y }");
}

TEST(MergeTransposes, OneOrNone) {
  expect_rewrite("merge_transposes", R"(graph (x: float[a,b,3]) opset 17 {
      y = Transpose<perm=[1,2,0]>(x)  z = Transpose<perm=[2,0,1]>(y)  r = Relu(z)  return r })",
                 "graph (x: float[a,b,3]) opset 17 { r = Relu(x)  return r }");
  expect_rewrite("merge_transposes", R"(graph (x: float[a,b,3]) opset 17 {
      y = Transpose<perm=[1,2,0]>(x)  z = Transpose(y)  r = Relu(z)  return r })",
                 R"(graph (x: float[a,b,3]) opset 17 {
      z = Transpose<perm=[0,2,1]>(x) @Transpose_1  r = Relu(z)  return r })");
  expect_untouched("merge_transposes", R"(graph (x: float[a,b,3]) opset 17 {
      y = Transpose<perm=[1,2,0]>(x)  z = Transpose(y)  r = Relu(z)  q = Exp(y)  return r, q })",
                   "the inner transpose has other readers");
}

}  // namespace
}  // namespace tenon::passes::eliminate_test
