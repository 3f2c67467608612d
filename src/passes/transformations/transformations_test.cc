// Global transformations.
#include <gtest/gtest.h>

#include "graph/text.h"
#include "support/graph_text.h"
#include "support/rewrite.h"

namespace tenon::passes::transformations_test {
namespace {

using test::expect_rewrite;
using test::expect_untouched;
using test::rewrite;

TEST(FoldConstants, ConstantOperands) {
  expect_rewrite("fold_constants", R"(graph (x: float[n,3]) opset 17 {
      a: float[3] = {1, 2, 3}  b: float[] = {2}  c = Mul(a, b)  d = Add(c, a)  y = Add(x, d)  return y })",
                 R"(graph (x: float[n,3]) opset 17 {
      a: float[3] = {1, 2, 3}  b: float[] = {2}  c: float[3] = {2, 4, 6}  d: float[3] = {3, 6, 9}
      y = Add(x, d)  return y })");
}
TEST(FoldConstants, ResultsOfTheGraph) {
  const auto r =
      rewrite("graph (x: float[3]) opset 17 { a: float[] = {2}  y = Mul(a, a)  return y, x }", "fold_constants");
  EXPECT_NE(r.text.find("y: float[] = {4}"), std::string::npos) << r.text;
  EXPECT_EQ(r.graph->live_nodes(), 0u);
}
TEST(FoldConstants, DerivedIntegers) {
  expect_rewrite("fold_constants,eliminate_dead", R"(graph (x: float[n,3,5]) opset 17 {
      s = Shape(x)  i: int64[] = {2}  g = Gather(s, i)  one: int64[1] = {0}  u = Unsqueeze(g, one)
      t = Shape<start=1>(x)  e = Expand(u, t)  y = Cast<to=1>(e)  z = Add(x, y)  return z })",
                 R"(graph (x: float[n,3,5]) opset 17 {
      y: float[3,5] = {5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5}  z = Add(x, y)  return z })");
}
TEST(FoldConstants, RandomNumbers) {
  expect_untouched("fold_constants",
                   "graph (x: float[2]) opset 17 { r = RandomNormal<shape=[2], seed=1.0>()  y = Add(x, r)  return y }");
  expect_untouched("merge_duplicates", R"(graph (x: float[2]) opset 17 {
      a = RandomNormalLike<seed=1.0>(x)  b = RandomNormalLike<seed=1.0>(x)  y = Sub(a, b)  return y })");
}
TEST(FoldConstants, Untouched) {
  expect_untouched("fold_constants",  // can be fed
                   "graph (x: float[2], a: float[2] = {1, 2}) opset 17 { b = Relu(a)  y = Add(x, b)  return y }");
  expect_untouched("fold_constants", R"(graph (x: float[2]) opset 17 {
      n: int64[1] = {1000000}  c = ConstantOfShape(n)  f = ReduceSum(c)  y = Add(x, f)  return y })",
                   "the result is much larger than the operands");
  expect_untouched("fold_constants", R"(graph (x: float[2]) opset 17 {
      n: int64[3] = {1000, 1000, 1000}  c = ConstantOfShape(n)  f = ReduceSum(c)  y = Add(x, f)  return y })",
                   "the result is larger than the limit for folded constants");
  expect_untouched("fold_constants", R"(graph (x: float[2]) opset 17 {
      d: float[2] = {1, 2}  i: int64[1] = {7}  c = Gather(d, i)  y = Add(x, c)  return y })",
                   "");
}
TEST(FoldConstants, LimitCountsAllResults) {
  PassOptions o;
  o.fold_bytes = 20;
  const auto r = rewrite(R"(graph (x: float[3]) opset 17 {
      a: float[3] = {1, 2, 3}  b = Neg(a)  c = Exp(a)  y = Add(x, b)  z = Add(y, c)  return z })",
                         "fold_constants", o);
  EXPECT_EQ(r.graph->live_nodes(), 3u) << r.text;
}
TEST(FoldConstants, ConstantsSinkIntoBodies) {
  const auto r = rewrite(R"(graph (x: float[3], c: bool[]) opset 17 {
      a: float[3] = {1, 2, 3}  b = Neg(a)
      y = If(c) [x, b] { then_branch (x1, b1) { e = Exp(b1) t = Add(x1, e)  return t }
                         else_branch (x2, b2) { u = Sub(x2, b2)  return u } }
      return y })",
                         "fold_constants,eliminate_dead");
  EXPECT_NE(r.text.find("If(c) [x] {"), std::string::npos) << r.text;
  EXPECT_NE(r.text.find("u = Sub(x2, b)"), std::string::npos) << r.text;
  EXPECT_EQ(r.text.find("Exp"), std::string::npos) << r.text;
}

TEST(EliminateDead, NodesConstantsCaptures) {
  expect_rewrite("eliminate_dead", R"(graph (x: float[3]) opset 17 {
      k: float[] = {1}  y = Relu(x)  d = Exp(y)  e = Add(d, k)  return y })",
                 "graph (x: float[3]) opset 17 { y = Relu(x)  return y }");
  const auto r = rewrite(R"(graph (x: float[3], c: bool[]) opset 17 {
      a = Exp(x)
      y = If(c) [x, a] { then_branch (x1, a1) { e = Exp(a1)  return x1 }  else_branch (x2, a2) { return x2 } }
      return y })",
                         "eliminate_dead");
  EXPECT_EQ(r.text.find("Exp"), std::string::npos) << r.text;
  EXPECT_NE(r.text.find("If(c) [x]"), std::string::npos) << r.text;
}

TEST(MergeDuplicates, NodesAndConstants) {
  expect_rewrite("merge_duplicates", R"(graph (x: float[n]) opset 17 {
      k: float[] = {2}  l: float[] = {2}  a = Mul(x, k)  b = Mul(x, l)  c = Exp(a)  d = Exp(b)  y = Add(c, d)
      return y })",
                 R"(graph (x: float[n]) opset 17 {
      k: float[] = {2}  a = Mul(x, k)  c = Exp(a)  y = Add(c, c)  return y })");
  expect_rewrite("merge_duplicates", "graph (x: float[n]) opset 17 { a = Exp(x)  y = Exp(x)  z = Neg(a)  return y, z }",
                 "graph (x: float[n]) opset 17 { y = Exp(x) @Exp_0  z = Neg(y)  return y, z }");
}
TEST(MergeDuplicates, Untouched) {
  expect_untouched("merge_duplicates", "graph (x: float[n]) opset 17 { y = Exp(x)  z = Exp(x)  return y, z }",
                   "both are results of the graph");
  expect_untouched("merge_duplicates", R"(graph (x: float[n]) opset 17 {
      k: float[] = {0}  l: float[] = {-0}  y = Add(x, k)  z = Add(x, l)  return y, z })");
  expect_untouched(
      "merge_duplicates",
      "graph (x: float[n]) opset 17 { y = LeakyRelu<alpha=0.1>(x) z = LeakyRelu<alpha=0.2>(x) return y, z }");
}

TEST(FoldShapeChain, CopiedAndInferredDims) {
  expect_rewrite("fold_shape_chain,eliminate_dead", R"(graph (x: float[b,s,6]) opset 17 {
      h = Shape(x)  z: int64[1] = {0}  one: int64[1] = {1}  tail: int64[2] = {2, 3}
      bb = Gather(h, z)  ss = Gather(h, one)  t = Concat<axis=0>(bb, ss, tail)  y = Reshape(x, t)  return y })",
                 R"(graph (x: float[b,s,6]) opset 17 {
      t_0: int64[4] = {0, 0, 2, 3}  y = Reshape(x, t_0)  return y })");
  expect_rewrite("fold_shape_chain,eliminate_dead", R"(graph (x: float[b,s,6]) opset 17 {
      h = Shape(x)  z: int64[1] = {0}  one: int64[1] = {1}  six: int64[1] = {6}
      bb = Gather(h, z)  ss = Gather(h, one)  p = Mul(bb, ss)  t = Concat<axis=0>(p, six)  y = Reshape(x, t)  return y })",
                 R"(graph (x: float[b,s,6]) opset 17 {
      t_0: int64[2] = {-1, 6}  y = Reshape(x, t_0)  return y })");
}
TEST(FoldShapeChain, NearMisses) {
  const auto text = [](const char* reshape) {
    return std::string(R"(graph (x: float[b,s,6], o: float[p,q]) opset 17 {
      h = Shape(o)  f: int64[1] = {6}  t = Concat<axis=0>(h, f) )") +
           reshape + " return y }";
  };
  expect_untouched("fold_shape_chain", text("y = Reshape(x, t)"), "more than one dim of the target is not known");
  expect_untouched("fold_shape_chain", text("y = Reshape<allowzero=1>(x, t)"), "zeros of the target are sizes");
}

TEST(InlineIf, TakenBranch) {
  const auto r = rewrite(R"(graph (x: float[3]) opset 17 {
      c: bool[] = {1}
      y, z = If(c) [x] { then_branch (x1) { e = Exp(x1)  f = Neg(e)  return f, x1 }
                         else_branch (x2) { return x2, x2 } }
      w = Add(y, z)  return y, z, w })",
                         "inline_if");
  EXPECT_EQ(r.text, graph::print(*test::parse_graph(R"(graph (x: float[3]) opset 17 {
      c: bool[] = {1}
      e = Exp(x)  y = Neg(e)  z = Identity(x)  w = Add(y, z)  return y, z, w })")));
  expect_untouched("inline_if", R"(graph (x: float[3], c: bool[]) opset 17 {
      y = If(c) [x] { then_branch (x1) { e = Exp(x1)  return e }  else_branch (x2) { f = Neg(x2) return f } }
      return y })");
}
TEST(InlineIf, NestedBodiesComeAlong) {
  const auto r = rewrite(R"(graph (x: float[3], d: bool[]) opset 17 {
      c: bool[] = {0}
      y = If(c) [x, d] { then_branch (x1, d1) { return x1 }
                         else_branch (x2, d2) {
                           i = If(d2) [x2] { then_branch (x3) { e = Exp(x3) return e }
                                             else_branch (x4) { f = Neg(x4) return f } }
                           n = Neg(i)  return n } }
      return y })",
                         "inline_if");
  EXPECT_NE(r.text.find("i = If(d) [x]"), std::string::npos) << r.text;
  EXPECT_NE(r.text.find("y = Neg(i)"), std::string::npos) << r.text;
  EXPECT_EQ(r.graph->live_nodes(), 4u);
}

}  // namespace
}  // namespace tenon::passes::transformations_test
