// Inference over graphs: symbols, declared types, derived integers, regions.
#include "ops/infer_types.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "graph/verify.h"
#include "ops/infer.h"
#include "support/graph_text.h"
#include "support/op_runner.h"

namespace tenon::ops::infer_types_test {
namespace {

using graph::Graph;
using graph::ValueId;

// Small rows of its own, so that this test does not depend on the real ops.
constexpr Port kOne[] = {{"x", kAllSet}};
constexpr Port kTwo[] = {{"a", kNumericSet}, {"b", kNumericSet}};
constexpr Port kBoolOut[] = {{"y", kBoolSet, ""}};
constexpr Port kMany[] = {{"x", kAllSet, "", PortUse::kVariadic, kTensors, true, 0}};
constexpr Port kLength[] = {{"y", dtype_bit(DType::kInt64), ""}};

void infer_unknown(InferContext& c) { c.set(0, c.dtype(0), {c.fresh()}); }
void infer_grow(InferContext& c) {  // first dim + 1
  Dims d = c.dims(0);
  d[0] = c.sym.add(d[0], 1);
  c.set(0, c.dtype(0), d);
}
void infer_length(InferContext& c) {
  c.set(0, DType::kInt64, {1});
  c.set_ints(0, {c.dims(0)[0]});
}
void infer_filled(InferContext& c) {
  const auto n = c.ints(0);
  c.set(0, DType::kInt64, {n ? (*n)[0] : c.fresh()});
}
void infer_repeat(InferContext& c) {
  std::vector<ValueType> state;
  for (size_t i = 0; i < c.num_inputs(); ++i) state.push_back(c.type(i));
  std::vector<ValueType> results;
  if (!c.infer_region(0, state, &results)) return;
  const std::vector<ValueType> first = state;
  for (size_t i = 0; i < state.size(); ++i) state[i] = widen(c, state[i], results[i]);
  if (state != first) c.infer_region(0, state, &results);
  for (size_t i = 0; i < state.size(); ++i) c.set_type(i, state[i]);
}

constexpr OpDef kRows[] = {
    {.name = "Same", .inputs = kOne, .outputs = kOne, .infer = infer_same},
    {.name = "Add", .inputs = kTwo, .outputs = {}, .infer = infer_broadcast},
    {.name = "Less", .inputs = kTwo, .outputs = kBoolOut, .infer = infer_compare},
    {.name = "Unknown", .inputs = kOne, .outputs = kOne, .infer = infer_unknown},
    {.name = "Grow", .inputs = kOne, .outputs = kOne, .infer = infer_grow},
    {.name = "Silent", .inputs = kOne, .outputs = kOne},
    {.name = "Length", .inputs = kOne, .outputs = kLength, .infer = infer_length},
    {.name = "Filled", .inputs = kLength, .outputs = kLength, .infer = infer_filled},
    {.name = "Repeat", .inputs = kMany, .outputs = kMany, .infer = infer_repeat},
};

const OpSet& test_ops() {
  static const OpSet* const set = [] {
    static OpDef rows[std::size(kRows)];
    std::copy(std::begin(kRows), std::end(kRows), rows);
    static constexpr Port kSum[] = {{"y", kNumericSet}};
    rows[1].outputs = kSum;
    auto* s = new OpSet;
    s->add(OpDefs(rows));
    return s;
  }();
  return *set;
}

std::string type_text(const Graph& g, const char* name) { return to_string(g.type(g.find_value(name)), &g.symbols()); }
std::unique_ptr<Graph> inferred(const char* text) { return test::parse_graph(text, &test_ops()); }
std::string failure(const char* text) {
  return test::error_of([&] { inferred(text); });
}

TEST(InferTypes, SymbolsFlow) {
  const auto g = inferred(R"(graph (x: float[n,1,3], y: float[k,3]) opset 1 {
    a = Add(x, y)  l = Less(a, y)  z = Add(a, x)  return z, l })");
  EXPECT_EQ(type_text(*g, "a"), "tensor(float)[n,k,3]");
  EXPECT_EQ(type_text(*g, "z"), "tensor(float)[n,k,3]");
  EXPECT_EQ(type_text(*g, "l"), "tensor(bool)[n,k,3]");
}

TEST(InferTypes, DerivedIntegersBecomeDims) {
  const auto g = inferred(R"(graph (x: float[n,3]) opset 1 {
    l = Length(x)  s = Same(l)  f = Filled(s)  return f })");
  EXPECT_EQ(type_text(*g, "f"), "tensor(int64)[n]");
  const auto c = inferred("graph () opset 1 { k: int64[1] = {5}  f = Filled(k)  return f }");
  EXPECT_EQ(type_text(*c, "f"), "tensor(int64)[5]");
}

TEST(InferTypes, DeclaredDimsFillUnknownOnes) {
  const auto g = inferred("graph (x: float[3]) opset 1 { u: float[7] = Unknown(x)  return u }");
  EXPECT_EQ(type_text(*g, "u"), "tensor(float)[7]");
  const auto silent = inferred("graph (x: float[3]) opset 1 { u: float[m] = Silent(x)  v = Silent(u) return v }");
  EXPECT_EQ(type_text(*silent, "u"), "tensor(float)[m]");
  EXPECT_EQ(type_text(*silent, "v"), "tensor(float)");
}

TEST(InferTypes, WrongDeclarations) {
  const char* text = "graph (x: float[3]) opset 1 { u: float[4] = Same(x)  return u }";
  auto g = graph::parse(text, test_ops());
  std::string seen;
  InferOptions options;
  options.on_conflict = [&](const std::string& s) { seen = s; };
  infer_types(*g, options);
  EXPECT_NE(seen.find("\"u\" is declared as tensor(float)[4] but is inferred as tensor(float)[3]"), std::string::npos);
  EXPECT_EQ(type_text(*g, "u"), "tensor(float)[3]");
  auto strict = graph::parse(text, test_ops());
  options.strict = true;
  EXPECT_NE(test::error_of([&] { infer_types(*strict, options); }), "");
  EXPECT_NE(
      failure("graph (x: float[3]) opset 1 { u: int64[3] = Same(x)  return u }").find("declared as tensor(int64)"),
      std::string::npos);
}

TEST(InferTypes, ErrorsNameTheNode) {
  EXPECT_EQ(failure("graph (x: float[2], y: float[3]) opset 1 { a = Add(x, y) @adder return a }"),
            "node \"adder\" (Add): shapes [2] and [3] do not broadcast");
  EXPECT_NE(
      failure("graph (x: float[2], y: int64[2]) opset 1 { a = Add(x, y) @adder return a }").find("type variable T"),
      std::string::npos);
  EXPECT_NE(failure("graph (x: string[2]) opset 1 { a = Add(x, x) return a }").find("expected float, "),
            std::string::npos);
  EXPECT_NE(failure("graph (x: float[2]) opset 1 { a = Add(x) return a }").find("1 inputs, expected 2"),
            std::string::npos);
}

TEST(InferTypes, RegionsSeeArgumentsAndCaptures) {
  const auto g = inferred(R"(graph (x: float[n], y: int64[4]) opset 1 {
    r = Repeat(x) [y] { body (s, y1) { t = Same(s)  v = Same(y1)  return t } }
    return r })");
  EXPECT_EQ(type_text(*g, "v"), "tensor(int64)[4]");
  EXPECT_EQ(type_text(*g, "r"), "tensor(float)[n]");
}

TEST(InferTypes, CarriedDimsThatChangeWiden) {
  const auto g = inferred(R"(graph (x: float[2,3]) opset 1 {
    r = Repeat(x) { body (s) { t = Grow(s)  return t } }
    return r })");
  const Dims& d = g->type(g->find_value("r")).dims;
  EXPECT_TRUE(g->symbols().is_fresh(d[0]));
  EXPECT_EQ(d[1], 3);
  EXPECT_EQ(g->type(g->find_value("t")).dims[0], g->symbols().add(d[0], 1));
}

TEST(InferTypes, NestedBodiesAreBounded) {
  std::string text = "graph (x: float[2]) opset 1 { r0 = Repeat(x) {";
  for (int i = 1; i < 40; ++i) {
    const std::string k = std::to_string(i);
    text += "body (s" + k + ") { g" + k + " = Grow(s" + k + ") r" + k + " = Repeat(g" + k + ") { ";
  }
  text += "body (z) { return z }";
  for (int i = 39; i > 0; --i) text += "} return r" + std::to_string(i) + " }";
  text += "} return r0 }";
  EXPECT_NE(failure(text.c_str()).find("infer_nodes"), std::string::npos) << failure(text.c_str());
}

TEST(InferTypes, CallsKeepDeclaredTypesAndHideWhatFollows) {
  const auto g = inferred(R"(graph (x: float[2]) opset 1 {
    a = call my.F(x)  b = Grow(a)  c: float[5] = call my.F(x)  d = Grow(c)  return b, d })");
  EXPECT_EQ(type_text(*g, "b"), "tensor(undefined)");
  EXPECT_EQ(type_text(*g, "d"), "tensor(float)[6]");
}

}  // namespace
}  // namespace tenon::ops::infer_types_test
