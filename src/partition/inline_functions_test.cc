// Inlining of model functions.
#include "partition/inline_functions.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "graph/verify.h"
#include "ops/infer_types.h"
#include "ops/op.h"
#include "support/graph_text.h"
#include "support/op_runner.h"

namespace tenon::partition::inline_functions_test {
namespace {

using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

NodeId add(Graph& g, NodeId before, std::string domain, std::string op, std::vector<ValueId> inputs) {
  Node n;
  n.domain = std::move(domain);
  n.op = std::move(op);
  n.def = n.domain.empty() ? ops::builtin_ops().find("", n.op, 17) : nullptr;
  n.since_version = n.def ? n.def->since : 0;
  n.inputs = std::move(inputs);
  const std::string names[] = {"v"};
  return g.add_node(g.node(before).region, std::move(n), names, before);
}

void define(Graph& g, std::string name, std::function<std::vector<ValueId>(Graph&, NodeId)> instantiate) {
  auto f = std::make_shared<graph::Function>();
  f->domain = "my";
  f->name = std::move(name);
  f->instantiate = std::move(instantiate);
  g.functions.push_back(std::move(f));
}

/// Parses without verifying types behind calls.
std::unique_ptr<Graph> with_calls(const char* text) {
  auto g = graph::parse(text, ops::builtin_ops());
  define(*g, "Twice", [](Graph& b, NodeId call) {
    const ValueId x = b.node(call).inputs[0];
    const NodeId n = add(b, call, "", "Add", {x, x});
    return std::vector<ValueId>{b.node(n).outputs[0]};
  });
  define(*g, "Same", [](Graph& b, NodeId call) { return std::vector<ValueId>{b.node(call).inputs[0]}; });
  define(*g, "FourTimes", [](Graph& b, NodeId call) {
    const NodeId n = add(b, call, "my", "Twice", {b.node(call).inputs[0]});
    const NodeId m = add(b, call, "my", "Twice", {b.node(n).outputs[0]});
    return std::vector<ValueId>{b.node(m).outputs[0]};
  });
  define(*g, "Forever", [](Graph& b, NodeId call) {
    const NodeId n = add(b, call, "my", "Forever", {b.node(call).inputs[0]});
    const NodeId m = add(b, call, "my", "Forever", {b.node(n).outputs[0]});
    return std::vector<ValueId>{b.node(m).outputs[0]};
  });
  return g;
}

TEST(InlineFunctions, OneLevelAtATime) {
  auto g = with_calls("graph (x: float[2]) opset 17 { y = call my.FourTimes(x) @outer  z = Relu(y)  return z }");
  EXPECT_EQ(inline_functions(*g), 1u);
  EXPECT_EQ(inline_functions(*g), 2u);
  EXPECT_EQ(inline_functions(*g), 0u);
  graph::verify(*g);
  EXPECT_EQ(g->live_nodes(), 3u);
  EXPECT_TRUE(g->type(g->find_value("z")).is_static());
  const Value x = test::vec<float>({1, -2});
  EXPECT_EQ(test::items<float>(test::evaluate(*g, {x})[0]), (std::vector<float>{4, 0}));
  const Node& first = g->node(g->region().nodes[0]);
  ASSERT_FALSE(first.provenance.empty());
  EXPECT_EQ(g->interned(first.provenance.back()), "outer");
}

TEST(InlineFunctions, ResultsKeepTheirNames) {
  auto g = with_calls(
      "graph (x: float[2]) opset 17 { y = call my.Same(x)  a = call my.Twice(x)  b = call my.Same(a)  return y, a, b "
      "}");
  EXPECT_EQ(inline_functions(*g), 3u);
  graph::verify(*g);
  const auto& region = g->region();
  for (size_t i = 0; i < region.results.size(); ++i)
    EXPECT_EQ(g->value(region.results[i]).name, region.result_names[i]);
}

TEST(InlineFunctions, ClaimedCallsStay) {
  auto g = with_calls("graph (x: float[2]) opset 17 { y = call my.Twice(x)  return y }");
  g->set_provider(g->region().nodes[0], "SomeProvider");
  EXPECT_EQ(inline_functions(*g), 0u);
  EXPECT_EQ(g->live_nodes(), 1u);
}

TEST(InlineFunctions, BodiesAreCheckedAgainstTheOperandsOfTheirCall) {
  auto g = with_calls("graph (x: int8[2]) opset 17 { y = call my.Leaky(x)  return y }");
  define(*g, "Leaky", [](Graph& graph, NodeId call) {
    const ValueId x = graph.node(call).inputs.empty() ? kNone : graph.node(call).inputs[0];
    return std::vector<ValueId>{graph.node(add(graph, call, "", "LeakyRelu", {x})).outputs[0]};
  });
  const std::string text = test::error_of([&] { inline_functions(*g); });
  EXPECT_NE(text.find("(LeakyRelu): input 0 (\"X\") has type tensor(int8)[2]; expected float"), std::string::npos)
      << text;
  auto missing = with_calls("graph (x: float[2]) opset 17 { y = call my.Leaky()  return y }");
  missing->functions.push_back(g->functions.back());
  EXPECT_NE(test::error_of([&] { inline_functions(*missing); }).find("input 0 (\"X\") is missing"), std::string::npos);
}

TEST(InlineFunctions, BudgetAndMissingFunctions) {
  auto g = with_calls("graph (x: float[2]) opset 17 { y = call my.Forever(x)  return y }");
  std::string limit;
  try {
    while (inline_functions(*g, 10000) > 0) {
    }
  } catch (const Error& e) {
    limit = e.limit();
  }
  EXPECT_EQ(limit, "function_nodes");
  EXPECT_LT(g->node_limit(), 11000u);
  auto missing = with_calls("graph (x: float[2]) opset 17 { y = call my.Other(x) @it  return y }");
  EXPECT_EQ(test::error_of([&] { inline_functions(*missing); }), "node \"it\": there is no function my.Other");
}

}  // namespace
}  // namespace tenon::partition::inline_functions_test
