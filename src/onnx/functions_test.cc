// Model functions: calls, instantiation, parameters, and what is refused.
#include "onnx/functions.h"

#include <gtest/gtest.h>

#include "graph/verify.h"
#include "support/load_model.h"
#include "support/onnx_builder.h"

namespace tenon::onnx::functions_test {
namespace {

using namespace tenon::test;
using graph::kNone;
using graph::NodeId;
using graph::ValueId;

const Protos kImports = {opset("", 17), opset("f", 1)};

Proto call(const std::string& name, const Names& in = {"x"}, const Names& out = {"y"}, const Protos& attrs = {}) {
  return node(name, in, out, attrs, "call", "f");
}
/// A function "f::name" whose body may call others.
Proto fn(const std::string& name, const Names& in, const Names& out, const Protos& nodes, const Names& attributes = {},
         const Protos& defaults = {}, const std::string& overload = "") {
  return function("f", name, in, out, nodes, attributes, kImports, defaults, overload);
}
std::string calling(const Protos& functions, const Protos& nodes) {
  return small_model(nodes, {}, {.opsets = kImports, .functions = functions});
}

/// Replaces every call by its nodes, as the partitioner does.
void inline_all(graph::Graph& g) {
  for (NodeId n = 0; n < g.node_limit(); ++n) {
    if (!g.node(n).alive || g.node(n).def) continue;
    const graph::Function* f = g.find_function(g.node(n).domain, g.node(n).op, g.node(n).overload);
    ASSERT_NE(f, nullptr);
    const std::vector<ValueId> results = f->instantiate(g, n);
    const std::vector<ValueId> outputs = g.node(n).outputs;
    for (size_t j = 0; j < outputs.size(); ++j)
      if (outputs[j] != kNone) g.replace_all(outputs[j], results[j]);
    g.erase_node(n);
  }
}
Names op_names(const graph::Graph& g, graph::RegionId r = 0) {
  Names out;
  for (NodeId n : g.region(r).nodes) out.push_back(g.node(n).op);
  return out;
}

TEST(Functions, CallsStayCallsUntilInstantiated) {
  const Proto f =
      fn("F", {"a", "b"}, {"s", "d"}, {node("Add", {"a", "b"}, {"s"}, {}, "sum"), node("Neg", {"s"}, {"d"}, {}, "")});
  const auto g = load(
      calling({f}, {node("Abs", {"x"}, {"p"}), call("F", {"x", "p"}, {"q", "r"}), node("Add", {"q", "r"}, {"y"})}));
  graph::verify(*g);
  EXPECT_EQ(op_names(*g), (Names{"Abs", "F", "Add"}));
  ASSERT_EQ(g->functions.size(), 1u);
  EXPECT_EQ(g->functions[0]->inputs, (Names{"a", "b"}));
  inline_all(*g);
  graph::verify(*g);
  EXPECT_EQ(op_names(*g), (Names{"Abs", "Add", "Neg", "Add"}));
  const graph::Node& sum = g->node(g->region().nodes[1]);
  EXPECT_EQ(sum.name, "call/sum");
  EXPECT_EQ(sum.since_version, 14);
  EXPECT_EQ(g->interned(sum.provenance.at(0)), "call");
}

TEST(Functions, NestedCallsAndBodies) {
  const Proto branch =
      graph_proto({.nodes = {node("G", {"a"}, {"t"}, {}, "in", "f")}, .inputs = {}, .outputs = {value("t")}});
  const Proto if_node =
      node("If", {"c"}, {"b"}, {attr_graph("then_branch", branch), attr_graph("else_branch", branch)});
  const auto g = load(model(
      graph_proto({.nodes = {call("F", {"x", "c"}, {"p"}), call("F", {"p", "c"}, {"y"})},
                   .inputs = {value("x"), value("c", 9, {})},
                   .outputs = {value("y")}}),
      {.opsets = kImports,
       .functions = {fn("F", {"a", "c"}, {"b"}, {if_node}), fn("G", {"a"}, {"b"}, {node("Neg", {"a"}, {"b"})})}}));
  inline_all(*g);
  graph::verify(*g);
  EXPECT_EQ(op_names(*g), (Names{"If", "If"}));
  const graph::Node& first = g->node(g->region().nodes[0]);
  EXPECT_EQ(op_names(*g, first.regions[0]), Names{"Neg"});
  EXPECT_EQ(first.captured()[0], g->find_value("x"));
}

TEST(Functions, CallInsideABody) {
  const Proto branch =
      graph_proto({.nodes = {node("F", {"x"}, {"t"}, {}, "in", "f")}, .inputs = {}, .outputs = {value("t")}});
  const auto g = load(model(
      graph_proto(
          {.nodes = {node("If", {"c"}, {"y"}, {attr_graph("then_branch", branch), attr_graph("else_branch", branch)})},
           .inputs = {value("x"), value("c", 9, {})},
           .outputs = {value("y")}}),
      {.opsets = kImports,
       .functions = {fn("F", {"a"}, {"b"}, {node("Abs", {"a"}, {"u"}), node("Neg", {"u"}, {"b"})})}}));
  inline_all(*g);
  graph::verify(*g);
  EXPECT_EQ(op_names(*g, g->node(g->region().nodes[0]).regions[1]), (Names{"Abs", "Neg"}));
}

TEST(Functions, AttributeParameters) {
  const Proto f = fn("F", {"a"}, {"b"}, {node("LeakyRelu", {"a"}, {"b"}, {attr_ref("alpha", "slope", 1)})}, {"slope"});
  const Proto with_default = fn("D", {"a"}, {"b"}, {node("LeakyRelu", {"a"}, {"b"}, {attr_ref("alpha", "slope", 1)})},
                                {}, {attr_float("slope", .25f)});
  const auto alpha = [&](const Proto& c) {
    const auto g = load(calling({f, with_default}, {c}));
    inline_all(*g);
    return g->node(g->region().nodes[0]).attrs.get_float("alpha", -1);
  };
  EXPECT_EQ(alpha(call("F", {"x"}, {"y"}, {attr_float("slope", .5f)})), .5f);
  EXPECT_EQ(alpha(call("F")), -1) << "left out: the operator's default applies";
  EXPECT_EQ(alpha(call("D")), .25f);
  EXPECT_EQ(alpha(call("D", {"x"}, {"y"}, {attr_float("slope", .75f)})), .75f);
  const auto g = load(calling({f}, {call("F", {"x"}, {"y"}, {attr_int("slope", 1)})}));
  try {
    inline_all(*g);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("\"slope\" of the call is INT, expected FLOAT"), std::string::npos)
        << e.what();
  }
}

TEST(Functions, MissingArgumentsAndResults) {
  const Proto f = fn("F", {"a", "low"}, {"b", "c"}, {node("Clip", {"a", "low"}, {"b"}), node("Neg", {"a"}, {"c"})});
  const auto g = load(calling({f}, {call("F")}));
  inline_all(*g);
  graph::verify(*g);
  EXPECT_EQ(g->node(g->region().nodes[0]).inputs.size(), 1u);
}

TEST(Functions, OverloadsAreDifferentFunctions) {
  const Protos functions = {fn("F", {"a"}, {"b"}, {node("Neg", {"a"}, {"b"})}),
                            fn("F", {"a"}, {"b"}, {node("Abs", {"a"}, {"b"})}, {}, {}, "v2")};
  const auto g = load(calling(functions, {call("F").b(8, "v2")}));
  EXPECT_EQ(g->node(0).overload, "v2");
  inline_all(*g);
  EXPECT_EQ(op_names(*g), Names{"Abs"});
}

TEST(Functions, OwnOpsetVersionsDecideTheRows) {
  const Proto f = function("f", "F", {"a"}, {"b"}, {node("Add", {"a", "a"}, {"b"})}, {}, {opset("", 8)});
  const auto g = load(calling({f}, {call("F")}));
  inline_all(*g);
  EXPECT_EQ(g->node(g->region().nodes[0]).since_version, 7);
}

TEST(Functions, ConstantsInBodiesOutliveTheBytes) {
  auto bytes = std::make_unique<std::string>(
      calling({fn("F", {"a"}, {"b"},
                  {node("Constant", {}, {"k"}, {attr_tensor("value", tensor_floats("", {1}, {3}))}),
                   node("Add", {"a", "k"}, {"b"})})},
              {call("F")}));
  const auto g = load(*bytes);
  std::fill(bytes->begin(), bytes->end(), 'x');
  bytes.reset();
  inline_all(*g);
  EXPECT_EQ(g->node(g->region().nodes[0]).attrs.get_tensor("value")->as<float>()[0], 3.f);
}

TEST(Functions, Refused) {
  const Proto neg = node("Neg", {"a"}, {"b"});
  const Proto ok = fn("F", {"a"}, {"b"}, {neg});
  const Proto to_g = node("G", {"a"}, {"b"}, {}, "n", "f");
  const Proto nested =
      graph_proto({.nodes = {node("F", {"a"}, {"t"}, {}, "n", "f")}, .inputs = {}, .outputs = {value("t")}});
  const struct {
    const char* what;
    std::string bytes;
    const char* expected;
  } kCases[] = {
      {"calls itself", calling({fn("F", {"a"}, {"b"}, {node("F", {"a"}, {"b"}, {}, "n", "f")})}, {call("F")}),
       "\"f::F\" -> \"f::F\""},
      {"circle, never called",
       calling({fn("F", {"a"}, {"b"}, {to_g}), fn("G", {"a"}, {"b"}, {node("F", {"a"}, {"b"}, {}, "n", "f")})},
               {node("Neg", {"x"}, {"y"})}),
       "call each other in a circle: \"f::F\" -> \"f::G\" -> \"f::F\""},
      {"circle through a body",
       calling({fn("F", {"a"}, {"b"}, {node("Loop", {"", "", "a"}, {"b"}, {attr_graph("body", nested)})})},
               {call("F")}),
       "in a circle"},
      {"defined twice", calling({ok, ok}, {call("F")}), "\"f::F\" is defined twice"},
      {"no name", calling({fn("", {"a"}, {"b"}, {neg})}, {call("F")}), "no name"},
      {"input twice", calling({fn("F", {"a", "a"}, {"b"}, {neg})}, {call("F")}), "input \"a\" occurs twice"},
      {"output twice", calling({fn("F", {"a"}, {"b", "b"}, {neg})}, {call("F")}), "output \"b\" occurs twice"},
      {"attribute twice", calling({fn("F", {"a"}, {"b"}, {neg}, {"p", "p"})}, {call("F")}),
       "attribute \"p\" occurs twice"},
      {"attribute with and without default",
       calling({fn("F", {"a"}, {"b"}, {neg}, {"p"}, {attr_int("p", 1)})}, {call("F")}), "attribute \"p\" occurs twice"},
      {"default without value", calling({fn("F", {"a"}, {"b"}, {neg}, {}, {attr_ref("p", "q", 1)})}, {call("F")}),
       "expected a value"},
      {"value defined twice", calling({fn("F", {"a"}, {"b"}, {neg, neg})}, {call("F")}),
       "value \"b\" is defined twice"},
      {"input redefined", calling({fn("F", {"a"}, {"a"}, {node("Neg", {"a"}, {"a"})})}, {call("F")}),
       "value \"a\" is defined twice"},
      {"order", calling({fn("F", {"a"}, {"b"}, {node("Neg", {"q"}, {"b"}), node("Neg", {"a"}, {"q"})})}, {call("F")}),
       "input \"q\" is neither"},
      {"output not defined", calling({fn("F", {"a"}, {"z"}, {neg})}, {call("F")}), "output \"z\" is not defined"},
      {"no import", calling({function("f", "F", {"a"}, {"b"}, {neg}, {}, {opset("f", 1)})}, {call("F")}),
       "no opset import for domain \"ai.onnx\""},
      {"too many arguments", calling({ok}, {call("F", {"x", "x"})}), "2 inputs, the function takes 1"},
      {"too many results", calling({ok}, {call("F", {"x"}, {"y", "z"})}), "2 outputs, the function has 1"},
      {"no such overload", calling({ok}, {call("F").b(8, "v3")}), "no function F with overload \"v3\""},
      {"graph as an attribute", calling({ok}, {call("F", {"x"}, {"y"}, {attr_graph("p", nested)})}),
       "graphs as attributes"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    const LoadError e = load_error(c.bytes);
    EXPECT_NE(e.code, 0);
    EXPECT_NE(e.text.find(c.expected), std::string::npos) << e.text;
  }
}

/// F0 has one node, each further function calls the one before `fan_out` times.
Protos tower(int height, int fan_out) {
  Protos out = {fn("F0", {"a"}, {"b"}, {node("Neg", {"a"}, {"b"})})};
  for (int i = 1; i < height; ++i) {
    Protos nodes;
    for (int k = 0; k < fan_out; ++k)
      nodes.push_back(node("F" + std::to_string(i - 1), {k ? "v" + std::to_string(k - 1) : "a"},
                           {k + 1 == fan_out ? "b" : "v" + std::to_string(k)}, {}, "n", "f"));
    out.push_back(fn("F" + std::to_string(i), {"a"}, {"b"}, nodes));
  }
  return out;
}

TEST(Functions, FanOutIsCountedNotTried) {
  const LoadError e = load_error(calling(tower(61, 2), {call("F60")}));
  EXPECT_EQ(e.limit, "function_nodes");
  EXPECT_EQ(load_error(calling(tower(61, 2), {node("Neg", {"x"}, {"y"})})).text, "") << "not called";
  // 2 calls of F1, each 2 calls of F0, each one Neg: calls count as nodes as well.
  EXPECT_EQ(load_error(calling(tower(3, 2), {call("F2")}), {.function_nodes = 10}).text, "");
  EXPECT_EQ(load_error(calling(tower(3, 2), {call("F2")}), {.function_nodes = 9}).limit, "function_nodes");
  EXPECT_EQ(load_error(calling(tower(3000, 1), {call("F2999")})).text, "") << "deep, but small: no recursion";
  EXPECT_EQ(load_error(calling(tower(12, 1), {call("F1")}), {.functions = 12}).text, "");
  EXPECT_EQ(load_error(calling(tower(12, 1), {call("F1")}), {.functions = 11}).limit, "functions");
}

}  // namespace
}  // namespace tenon::onnx::functions_test
