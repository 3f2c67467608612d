// Edits of graphs and the verifier that watches over them.
#include "graph/graph.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "graph/verify.h"
#include "support/graph_text.h"
#include "support/op_runner.h"

namespace tenon::graph::graph_test {
namespace {

using test::error_of;
using test::parse_graph;

constexpr const char* kChain = R"(graph (x: float[2,3]) opset 17 {
  a = Identity(x)
  b = Identity(a)
  c = Identity(a)
  return b, c
})";

TEST(Graph, ReplaceAllMovesUsesResultsAndName) {
  auto g = parse_graph(kChain);
  const ValueId a = g->find_value("a"), b = g->find_value("b"), x = g->find_value("x");
  g->replace_all(b, a);
  EXPECT_EQ(g->value(a).name, "b");
  EXPECT_EQ(g->find_value("b"), a);
  EXPECT_EQ(g->value(a).result_uses, 1u);
  EXPECT_EQ(g->value(x).uses.size(), 1u);
  g->erase_node(g->producer(b));
  verify(*g);
  EXPECT_EQ(g->live_nodes(), 2u);
}

TEST(Graph, EraseRefusesUsedNodes) {
  auto g = parse_graph(kChain);
  const NodeId a = g->producer(g->find_value("a"));
  EXPECT_NE(error_of([&] { g->erase_node(a); }).find("is used"), std::string::npos);
  verify(*g);
}

TEST(Graph, SetInputKeepsUseLists) {
  auto g = parse_graph(kChain);
  const NodeId c = g->producer(g->find_value("c"));
  g->set_input(c, 0, g->find_value("x"));
  EXPECT_EQ(g->value(g->find_value("x")).uses.size(), 2u);
  EXPECT_EQ(g->value(g->find_value("a")).uses.size(), 1u);
  verify(*g);
}

TEST(Graph, SortRepairsOrderAndFindsCycles) {
  auto g = parse_graph(kChain);
  std::vector<NodeId>& order = g->edit_region(0).nodes;
  std::swap(order.front(), order.back());
  EXPECT_NE(error_of([&] { verify(*g); }).find("not defined before"), std::string::npos);
  g->sort();
  verify(*g);
  g->set_input(g->producer(g->find_value("a")), 0, g->find_value("b"));
  EXPECT_NE(error_of([&] { g->sort(); }).find("cycle"), std::string::npos);
}

TEST(Graph, SortKeepsAnOrderThatIsRight) {
  auto g = parse_graph(kChain);
  const std::vector<NodeId> before = g->region().nodes;
  g->sort();
  EXPECT_EQ(g->region().nodes, before);
}

/// A row with two regions, so that the graph's own edits are tested without the control-flow ops.
constexpr Port kAny[] = {{"x", kAllSet, "", PortUse::kVariadic, kTensors, true, 0}};
constexpr OpDef kNested[] = {{.name = "Nested", .domain = "test", .inputs = kAny, .outputs = kAny}};

TEST(Graph, CapturesPassThroughNestedRegions) {
  OpSet ops;
  const OpDefs rows = kNested;
  ops.add(rows);
  auto g = parse(R"(graph (x: float[2], y: float[2]) opset test 1 {
    r = test.Nested(x) { body (p) { s = test.Nested(p) { body (q) { return q } }  return s } }
    return r
  })",
                 ops);
  const NodeId outer = g->producer(g->find_value("r")), inner = g->producer(g->find_value("s"));
  const RegionId deepest = g->node(inner).regions[0];
  const ValueId y = g->find_value("y");
  const ValueId seen = g->add_capture(inner, y, deepest);
  EXPECT_EQ(g->value(seen).region, deepest);
  EXPECT_EQ(g->add_capture(inner, g->node(inner).captured()[0], deepest), seen);
  EXPECT_EQ(g->node(outer).captures, 1u);
  EXPECT_EQ(g->node(outer).captured()[0], y);
  g->set_results(deepest, {g->region(deepest).results[0], seen});
  verify(*g);
  g->set_results(deepest, {g->region(deepest).results[0]});
  g->drop_unused_captures(inner);
  g->drop_unused_captures(outer);
  EXPECT_EQ(g->node(outer).captures, 0u);
  EXPECT_TRUE(g->value(y).uses.empty());
  verify(*g);
  const ValueId c = g->add_constant("c", test::scalar(1.f));
  EXPECT_EQ(g->add_capture(inner, c, deepest), c);
  verify(*g);

  g->replace_all(g->find_value("r"), y);
  g->erase_node(outer);
  EXPECT_EQ(g->live_nodes(), 0u);
  verify(*g);
}

TEST(Graph, CloneIsIndependent) {
  auto g = parse_graph(kChain);
  auto copy = g->clone();
  EXPECT_EQ(print(*copy), print(*g));
  copy->replace_all(copy->find_value("b"), copy->find_value("a"));
  verify(*g);
  verify(*copy);
  EXPECT_NE(print(*copy), print(*g));
}

TEST(Graph, NamesAreUnique) {
  Graph g;
  const ValueId a = g.add_constant("w", test::scalar(1.f)), b = g.add_constant("w", test::scalar(2.f));
  EXPECT_NE(g.value(a).name, g.value(b).name);
  EXPECT_EQ(g.find_value("w"), a);
  g.erase_constant(a);
  EXPECT_EQ(g.find_value("w"), kNone);
  g.rename(b, "w");
  EXPECT_EQ(g.find_value("w"), b);
  verify(g);
}

/// Each breakage is found, and named.
TEST(Verify, FindsBrokenGraphs) {
  struct Case {
    const char* says;
    void (*damage)(Graph&);
  };
  const Case cases[] = {
      {"defined twice", [](Graph& g) { g.edit_region(0).args.push_back(g.region().args[0]); }},
      {"list says", [](Graph& g) { g.edit_value(g.find_value("a")).uses.pop_back(); }},
      {"list says", [](Graph& g) { g.edit_value(g.find_value("c")).result_uses = 0; }},
      {"inputs, expected 1", [](Graph& g) { g.add_operand(g.producer(g.find_value("c")), g.find_value("x")); }},
      {"is missing", [](Graph& g) { g.set_input(g.producer(g.find_value("c")), 0, kNone); }},
      {"type variable", [](Graph& g) { g.set_type(g.find_value("a"), ValueType::tensor(DType::kInt64)); }},
      {"not defined before", [](Graph& g) { g.set_input(g.producer(g.find_value("a")), 0, g.find_value("b")); }},
      {"names of results", [](Graph& g) { g.edit_region(0).result_names.pop_back(); }},
      {"not found by its name", [](Graph& g) { g.edit_value(g.find_value("a")).name = "other"; }},
      {"stands in no region",
       [](Graph& g) {
         g.set_results(0, {g.find_value("b")});
         g.edit_region(0).result_names = {"b"};
         g.edit_region(0).nodes.pop_back();
       }},
  };
  for (const Case& c : cases) {
    auto g = parse_graph(kChain);
    c.damage(*g);
    EXPECT_NE(error_of([&] { verify(*g); }).find(c.says), std::string::npos)
        << c.says << " | " << error_of([&] { verify(*g); });
  }
}

TEST(Verify, ConstantsMatchTheirTypes) {
  Graph g;
  const ValueId w = g.add_constant("w", test::vec<float>({1, 2}));
  verify(g);
  g.set_type(w, ValueType::tensor(DType::kFloat, {3}));
  EXPECT_NE(error_of([&] { verify(g); }).find("holds"), std::string::npos);
}

TEST(OpSet, FindsTheRowOfAVersion) {
  static constexpr OpDef kRows[] = {{.name = "A", .since = 1, .until = 6},
                                    {.name = "A", .since = 7, .until = 12},
                                    {.name = "A", .since = 13},
                                    {.name = "Gone", .since = 2, .until = 9}};
  OpSet ops;
  const OpDefs rows = kRows;
  ops.add(rows);
  EXPECT_EQ(ops.find("", "A", 6)->since, 1);
  EXPECT_EQ(ops.find("ai.onnx", "A", 12)->since, 7);
  EXPECT_EQ(ops.find("", "A", 28)->since, 13);
  EXPECT_EQ(ops.find("", "Gone", 10), nullptr);
  EXPECT_EQ(ops.find("", "Gone", 1), nullptr);
  EXPECT_EQ(ops.find("other", "A", 6), nullptr);
  EXPECT_EQ(ops.newest_version(""), 28);
  EXPECT_FALSE(ops.knows_domain("other"));
}

TEST(Attrs, TypedLookup) {
  Attrs a{{"axis", int64_t{2}}, {"mode", std::string("x")}};
  EXPECT_EQ(a.get_int("axis", 0), 2);
  EXPECT_EQ(a.get_int("other", 7), 7);
  EXPECT_EQ(error_of([&] { (void)a.get_float("axis", 0); }), "attribute \"axis\": expected float, found int");
  a.set("axis", int64_t{3});
  EXPECT_EQ(a.items().size(), 2u);
  Attrs b{{"mode", std::string("x")}, {"axis", int64_t{3}}};
  EXPECT_TRUE(same_attrs(a, b));
  b.set("axis", 3.0f);
  EXPECT_FALSE(same_attrs(a, b));
}

TEST(Attrs, ContentsCompareBitwise) {
  EXPECT_TRUE(same_contents(test::vec<float>({1, 2}), test::vec<float>({1, 2})));
  EXPECT_FALSE(same_contents(test::vec<float>({0.f}), test::vec<float>({-0.f})));
  EXPECT_FALSE(same_contents(test::vec<float>({1, 2}), test::tensor<float>({1, 2}, {1, 2})));
  EXPECT_FALSE(same_contents(test::vec<int32_t>({1}), test::vec<uint32_t>({1})));
  EXPECT_EQ(hash_contents(test::vec<float>({1, 2})), hash_contents(test::vec<float>({1, 2})));
  EXPECT_NE(hash_contents(test::vec<float>({1, 2})), hash_contents(test::vec<float>({2, 1})));
}

}  // namespace
}  // namespace tenon::graph::graph_test
