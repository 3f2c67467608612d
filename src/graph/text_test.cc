// The text form: what is printed parses back to the same text.
#include "graph/text.h"

#include <gtest/gtest.h>

#include "graph/op_def.h"
#include "graph/verify.h"
#include "support/graph_text.h"
#include "support/op_runner.h"

namespace tenon::graph::text_test {
namespace {

constexpr Port kAny[] = {{"x", kAllSet, "", PortUse::kVariadic, 31, true, 0}};
constexpr OpDef kRows[] = {{.name = "F", .domain = "test", .inputs = kAny, .outputs = kAny},
                           {.name = "New", .domain = "test", .since = 3, .inputs = kAny, .outputs = kAny}};

const OpSet& ops() {
  static const OpSet* const set = [] {
    auto* s = new OpSet;
    s->add(OpDefs(kRows));
    return s;
  }();
  return *set;
}

/// Printed forms that the parser must reproduce to the letter.
TEST(GraphText, RoundTrips) {
  const char* const cases[] = {
      "graph (x: float[2,3]) opset test 1 {\n  return x\n}\n",
      "graph \"a b\" (x: float[batch,2*seq + 1], y: int64[], z: float) opset 17, test 1 {\n"
      "  a: float[batch,3] = test.F(x, y)\n  b = test.F(a)\n  return b, z as \"the z\"\n}\n",
      "graph (x: float[2] = {1, -0.5}, s: seq(tensor)) opset test 1 {\n  return x\n}\n",
      "graph (s: seq(float[n]), m: map(int64, float[]), o: optional(seq(string))) opset test 1 {\n  return s\n}\n",
      "graph (x: float[2]) opset test 1 {\n  w: float[2,2] = {1, 2.5, nan, -inf}\n  i: int4[3] = {1, 15, 7}\n"
      "  t: string[2] = {\"a\\\"b\", \"\\n\"}\n  h: float16[1] = {0.33325195}\n  e: int64[0] = {}\n"
      "  r = test.F(w, i, t, h, e)\n  return r\n}\n",
      "graph (x: float[2]) opset test 1 {\n"
      "  _, b = test.F<a=1, b=2.0, c=\"s\", d=[1, -2], e=[1.5], f=floats[], g=float[2] {1, 2}, h=type(float[n])>"
      "(_, x) @\"node 7\"\n  return b\n}\n",
      "graph (x: float[2], c: bool[]) opset test 1 {\n  r = test.F(c) [x] {\n    then_branch (k: int64[], x1) {\n"
      "      u = test.F(x1)\n      return u\n    }\n    else_branch (x2) {\n      return x2\n    }\n  }\n  return "
      "r\n}\n",
      "graph (x: float[2]) opset test 1 {\n  a = call my.Fun:alt<k=1>(x)\n  b = test.New!3(a)\n  return b\n}\n",
      "graph (x: float[(n)//(2),broadcast(n, m),\"odd name\"]) opset test 1 {\n  return x\n}\n",
  };
  for (const char* text : cases) {
    if (std::string_view(text).find("seq(tensor)") != std::string_view::npos) {
      EXPECT_NE(test::error_of([&] { parse(text, ops()); }), "");
      continue;
    }
    const auto g = parse(text, ops());
    verify(*g);
    EXPECT_EQ(print(*g), text);
  }
}

TEST(GraphText, LargeConstantsShorten) {
  Graph g;
  g.set_results(0, {g.add_constant("w", Value::tensor(DType::kUint8, Dims{100}))});
  g.edit_region(0).result_names = {"w"};
  EXPECT_NE(print(g, false).find("100 elements, hash"), std::string::npos);
}

TEST(GraphText, NanPayloadsSurvive) {
  const char* text = "graph () opset test 1 {\n  w: float[2] = {0xffc00001, nan}\n  return w\n}\n";
  EXPECT_EQ(print(*parse(text, ops())), text);
}

TEST(GraphText, ErrorsSayWhere) {
  struct Case {
    const char *text, *says;
  };
  const Case cases[] = {
      {"graph (x: float[2]) {\n  return y }",
       "line 2, column 10: expected a value that is defined before, found \"y\""},
      {"graph (x: flot) { return x }", "expected an element type, found \"flot\""},
      {"graph (x: float[2]) opset test 1 { a = test.G(x) return a }", "expected an operator of version 1"},
      {"graph (x: float[2]) opset test 1 { a = test.F(x)  a = test.F(x) return a }", "a name that is not taken"},
      {"graph () { w: float[2] = {1} return w }", "expected \",\", found \"}\""},
      {"graph () { w: int8[1] = {300} return w }", "a number that fits the type"},
      {"graph () { w: float[n] = {300} return w }", "known dimensions"},
      {"graph () { return } trailing", "expected the end"},
      {"graph () { w: string[1] = {\"abc", "closing quote"},
      {"graph (x: float[2]) opset test 1 { a = test.F<k=[1, \"a\"]>(x) return a }", "a list of one kind"},
  };
  for (const Case& c : cases) {
    const std::string message = test::error_of([&] { parse(c.text, ops()); });
    EXPECT_NE(message.find(c.says), std::string::npos) << c.text << "\n" << message;
  }
}

}  // namespace
}  // namespace tenon::graph::text_test
