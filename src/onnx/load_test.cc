// Loading: what a model's parts become in the graph.
#include "onnx/load.h"

#include <gtest/gtest.h>

#include "graph/verify.h"
#include "support/load_model.h"
#include "support/onnx_builder.h"

namespace tenon::onnx::load_test {
namespace {

using namespace tenon::test;
using graph::kNone;
using graph::ValueRole;

const graph::Node& only_node(const graph::Graph& g, std::string_view op) {
  for (graph::NodeId n = 0; n < g.node_limit(); ++n)
    if (g.node(n).op == op) return g.node(n);
  throw std::runtime_error("no node " + std::string(op));
}
Proto branch(const std::string& op, const std::string& input, const std::string& output = "t") {
  return graph_proto({.nodes = {node(op, {input}, {output})}, .inputs = {}, .outputs = {value(output)}, .name = "b"});
}
Proto if_node(const Proto& then_branch, const Proto& else_branch, const Names& outputs = {"y"}) {
  return node("If", {"c"}, outputs, {attr_graph("then_branch", then_branch), attr_graph("else_branch", else_branch)});
}
std::string if_model(const Proto& then_branch, const Proto& else_branch, const Protos& before = {}) {
  Protos nodes = before;
  nodes.push_back(if_node(then_branch, else_branch));
  return model(graph_proto({.nodes = nodes, .inputs = {value("x"), value("c", 9, {})}, .outputs = {value("y")}}));
}

TEST(Load, PlainGraph) {
  const auto g = load(small_model({node("Add", {"x", "w"}, {"a"}, {}, "first"), node("Neg", {"a"}, {"y"}, {}, "")},
                                  {tensor_floats("w", {2}, {1, 2})}));
  graph::verify(*g);
  ASSERT_EQ(g->region().nodes.size(), 2u);
  const graph::Node& add = g->node(g->region().nodes[0]);
  EXPECT_EQ(add.name, "first");
  EXPECT_EQ(add.since_version, 14);
  EXPECT_EQ(g->value(add.inputs[1]).role, ValueRole::kConstant);
  EXPECT_EQ(g->value(add.inputs[1]).data.as<float>()[1], 2.f);
  EXPECT_FALSE(g->node(g->region().nodes[1]).name.empty());
  EXPECT_EQ(g->type(g->find_value("a")), ValueType::tensor(DType::kFloat, {2}));
  EXPECT_EQ(g->region().result_names, std::vector<std::string>{"y"});
  EXPECT_EQ(g->interned(add.provenance.at(0)), "first");
  EXPECT_EQ(g->info.opsets.at(""), 17);
}

TEST(Load, NodesInAnyOrderAreSorted) {
  const auto g = load(small_model({node("Neg", {"b"}, {"y"}), node("Abs", {"a"}, {"b"}), node("Neg", {"x"}, {"a"})}));
  graph::verify(*g);
  EXPECT_EQ(g->node(g->region().nodes[0]).outputs[0], g->find_value("a"));
  EXPECT_TRUE(g->type(g->find_value("y")).is_static());
}

TEST(Load, InitializersAndInputs) {
  const GraphParts parts = {.nodes = {node("Add", {"x", "w"}, {"y"})},
                            .inputs = {value("x"), value("w")},
                            .outputs = {value("y")},
                            .initializers = {tensor_floats("w", {2}, {1, 2})}};
  const auto overridable = load(model(graph_proto(parts), {.ir = 4}));
  EXPECT_EQ(overridable->region().args.size(), 2u);
  const graph::ValueInfo& w = overridable->value(overridable->find_value("w"));
  EXPECT_EQ(w.role, ValueRole::kInput);
  EXPECT_EQ(w.data.as<float>()[0], 1.f);
  const auto constant = load(model(graph_proto(parts), {.ir = 3, .opsets = {opset("", 8)}}));
  EXPECT_EQ(constant->region().args.size(), 1u);
  EXPECT_EQ(constant->value(constant->find_value("w")).role, ValueRole::kConstant);
}

TEST(Load, DimsAndTypes) {
  Proto shape;
  shape.m(1, Proto().b(2, "batch"))
      .m(1, Proto().i(1, -1))
      .m(1, Proto())
      .m(1, Proto().i(1, 0))
      .m(1, Proto().b(2, "batch"));
  shape.m(1, Proto().i(1, -7)).m(1, Proto().b(2, ""));
  const Proto type = Proto().m(1, Proto().i(1, 1).m(2, shape));
  const auto g =
      load(model(graph_proto({.nodes = {}, .inputs = {value_info("x", type)}, .outputs = {Proto().b(1, "x")}})));
  const ValueType& t = g->type(g->find_value("x"));
  ASSERT_EQ(t.dims.size(), 7u);
  EXPECT_EQ(g->symbols().to_string(t.dims[0]), "batch");
  EXPECT_EQ(t.dims[0], t.dims[4]);
  EXPECT_EQ(t.dims[3], 0);
  for (int unknown : {1, 2, 5, 6}) EXPECT_TRUE(g->symbols().is_fresh(t.dims[unknown])) << unknown;
  EXPECT_NE(t.dims[1], t.dims[2]);

  const Proto unranked = Proto().m(1, Proto().i(1, 7));
  const Proto seq = Proto().m(4, Proto().m(1, Proto().m(9, Proto().m(1, unranked))));
  const Proto map = Proto().m(5, Proto().i(1, 8).m(2, unranked));
  const Proto sparse = Proto().m(8, Proto().i(1, 1).m(2, Proto().m(1, Proto().i(1, 3))));
  const auto s = load(model(graph_proto(
      {.nodes = {}, .inputs = {value_info("s", seq), value_info("m", map), value_info("p", sparse)}, .outputs = {}})));
  EXPECT_EQ(onnx_type_string(s->type(0)), "seq(optional(tensor(int64)))");
  EXPECT_EQ(onnx_type_string(s->type(1)), "map(string,tensor(int64))");
  EXPECT_EQ(to_string(s->type(2)), "sparse_tensor(float)[3]");
}

TEST(Load, AttributesOfEveryKind) {
  const Proto type = tensor_type(1, {2});
  Proto floats = Proto().b(1, "floats").i(20, 6).f(7, 1.f).f(7, 2.f);
  const Proto strings = Proto().b(1, "strings").i(20, 8).b(9, "a").b(9, "b");
  const Proto tensors = Proto().b(1, "tensors").i(20, 9).m(10, tensor_floats("", {1}, {3}));
  const Proto types = Proto().b(1, "types").i(20, 14).m(15, type);
  const Proto fn = function("f", "F", {"a"}, {"b"}, {node("Neg", {"a"}, {"b"})});
  const Proto call =
      node("F", {"x"}, {"y"},
           {attr_int("int", -3), attr_float("float", .5f), attr_string("string", "s\xff"),
            attr_tensor("tensor", tensor_floats("", {1}, {3})), attr_ints("ints", {1, 2}), floats, strings, tensors,
            types, Proto().b(1, "type").i(20, 13).m(14, type), Proto().b(1, "zero").i(20, 2)},
           "call", "f");
  const auto g = load(small_model({call}, {}, {.opsets = {opset("", 17), opset("f", 1)}, .functions = {fn}}));
  const graph::Attrs& a = only_node(*g, "F").attrs;
  EXPECT_EQ(a.get_int("int", 0), -3);
  EXPECT_EQ(a.get_int("zero", 5), 0);
  EXPECT_EQ(a.get_float("float", 0), .5f);
  EXPECT_EQ(a.get_string("string", ""), "s\xff");
  EXPECT_EQ(a.get_tensor("tensor")->as<float>()[0], 3.f);
  EXPECT_EQ(a.get_ints("ints").size(), 2u);
  EXPECT_EQ(a.get_floats("floats")[1], 2.f);
  EXPECT_EQ(a.get_strings("strings")[1], "b");
  EXPECT_EQ(std::get<std::vector<Value>>(*a.find("tensors")).size(), 1u);
  EXPECT_EQ(*a.get_type("type"), ValueType::tensor(DType::kFloat, {2}));
  EXPECT_EQ(std::get<std::vector<ValueType>>(*a.find("types")).size(), 1u);
}

TEST(Load, CapturesBecomeOperandsAtEveryLevel) {
  const Proto inner = graph_proto({.nodes = {if_node(branch("Neg", "a"), branch("Abs", "x"), {"u"})},
                                   .inputs = {},
                                   .outputs = {value("u")},
                                   .name = "inner"});
  const auto g = load(if_model(inner, branch("Abs", "x"), {node("Abs", {"x"}, {"a"})}));
  graph::verify(*g);
  const graph::Node& outer = g->node(g->region().nodes[1]);
  EXPECT_EQ(outer.captures, 3u);
  EXPECT_EQ(outer.operands().size(), 1u);
  const std::vector<graph::ValueId> captured(outer.captured().begin(), outer.captured().end());
  EXPECT_NE(std::find(captured.begin(), captured.end(), g->find_value("a")), captured.end());
  EXPECT_NE(std::find(captured.begin(), captured.end(), g->find_value("c")), captured.end()) << "the inner condition";
  const graph::Region& then_branch = g->region(outer.regions[0]);
  EXPECT_EQ(then_branch.args.size(), 3u);
  EXPECT_EQ(then_branch.name, "inner");
  EXPECT_EQ(outer.region_names, (std::vector<std::string>{"then_branch", "else_branch"}));
  EXPECT_TRUE(g->type(g->find_value("y")).is_static());
}

TEST(Load, BodiesMayReuseNamesAndReadLaterNodes) {
  // Both branches define "t", one has the name of the If's own output; "a" is defined after the If.
  const auto g = load(
      model(graph_proto({.nodes = {if_node(branch("Neg", "a"), branch("Abs", "x", "y")), node("Abs", {"x"}, {"a"})},
                         .inputs = {value("x"), value("c", 9, {})},
                         .outputs = {value("y")}})));
  graph::verify(*g);
  EXPECT_EQ(g->node(g->region().nodes[1]).op, "If");
  EXPECT_EQ(g->region().results[0], g->find_value("y"));
}

TEST(Load, LoopBodies) {
  const Proto body = graph_proto({.nodes = {node("Identity", {"ci"}, {"co"}), node("Add", {"v", "k"}, {"vo"})},
                                  .inputs = {value("i", 7, {}), value("ci", 9, {}), value("v"), value("k")},
                                  .outputs = {value("co", 9, {}), value("vo")},
                                  .initializers = {tensor_floats("k", {2}, {1, 2})}});
  const auto g = load(model(graph_proto({.nodes = {node("Loop", {"", "", "x"}, {"y"}, {attr_graph("body", body)})},
                                         .inputs = {value("x")},
                                         .outputs = {value("y")}})));
  graph::verify(*g);
  const graph::Node& loop = only_node(*g, "Loop");
  EXPECT_EQ(loop.inputs, (std::vector<graph::ValueId>{kNone, kNone, g->find_value("x")}));
  EXPECT_EQ(g->region(loop.regions[0]).args.size(), 3u) << "the input with an initializer is a constant";
  EXPECT_EQ(g->value(only_node(*g, "Add").inputs[1]).role, ValueRole::kConstant);
}

TEST(Load, DeclaredTypes) {
  GraphParts parts = {.nodes = {node("Neg", {"x"}, {"a"}), node("Neg", {"a"}, {"y"})},
                      .inputs = {value("x", 1, {-2})},
                      .outputs = {value("y", 1, {2}), Proto().b(1, "b")}};
  parts.nodes.push_back(node("Neg", {"x"}, {"b"}));
  parts.value_infos = {value_info("a", Proto().m(1, Proto().i(1, 1).m(2, Proto().m(1, Proto().b(2, "n")))))};
  parts.value_infos.push_back(value("no value of this graph"));
  parts.value_infos.push_back(value("x", 7));
  parts.value_infos.push_back(Proto().b(1, "b"));
  const auto g = load(model(graph_proto(parts)));
  EXPECT_EQ(g->type(g->find_value("x")).elem, DType::kFloat) << "an input has its own type";
  EXPECT_TRUE(g->value(g->find_value("a")).declared);
  EXPECT_EQ(g->symbols().to_string(g->type(g->find_value("a")).dims[0]), "n");
  EXPECT_EQ(g->type(g->find_value("y")).dims[0], g->type(g->find_value("a")).dims[0]);
  EXPECT_TRUE(g->value(g->find_value("y")).declared);
  EXPECT_FALSE(g->value(g->find_value("b")).declared);
}

TEST(Load, MissingImportsAndOddOpsets) {
  const Protos nodes = {node("Neg", {"x"}, {"y"})};
  EXPECT_EQ(load(small_model(nodes, {}, {.opsets = {opset("zz", 99)}}))->info.opsets.at("zz"), 99);
  EXPECT_EQ(load(small_model(nodes, {}, {.ir = 2, .opsets = {}}))->info.opsets.at(""), 1);
  EXPECT_EQ(load(small_model(nodes, {}, {.opsets = {opset("ai.onnx", 13)}}))->info.opsets.at(""), 13);
  for (int version = 6; version <= 28; ++version)
    EXPECT_EQ(load_error(small_model(nodes, {}, {.opsets = {opset("", version)}})).text, "") << version;
  for (int ir = 1; ir <= 14; ++ir) EXPECT_EQ(load_error(small_model(nodes, {}, {.ir = ir})).text, "") << ir;
}

TEST(Load, TrailingMissingOperandsAreDropped) {
  const auto g = load(small_model({node("Clip", {"x", "", ""}, {"y"})}));
  EXPECT_EQ(only_node(*g, "Clip").inputs.size(), 1u);
  const auto kept = load(small_model({node("Clip", {"x", "", "m"}, {"y"})}, {tensor_floats("m", {}, {1})}));
  EXPECT_EQ(only_node(*kept, "Clip").inputs.size(), 3u);
}

TEST(Load, UnknownFieldsAreSkipped) {
  const Proto extra = Proto(node("Neg", {"x"}, {"y"})).i(500, 3).b(501, "later");
  EXPECT_EQ(load_error(Proto{small_model({extra})}.b(502, "later").d(503, 1).f(504, 1).s).text, "");
}

TEST(Load, StrictRefusesContradictedShapes) {
  const std::string bytes = model(
      graph_proto({.nodes = {node("Neg", {"x"}, {"y"})}, .inputs = {value("x")}, .outputs = {value("y", 1, {3})}}));
  std::vector<std::string> warnings;
  Logger logger("t", Severity::kWarning,
                [&](Severity, std::string_view, std::string_view m) { warnings.emplace_back(m); });
  const auto span = std::as_bytes(std::span(bytes));
  EXPECT_EQ(load_bytes(span, {.ops = loader_ops(), .logger = &logger})->type(1).dims[0], 2);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("\"y\""), std::string::npos);
  EXPECT_THROW(load_bytes(span, {.ops = loader_ops(), .strict = true}), Error);
}

TEST(Load, BytesMayGoAfterLoading) {
  auto bytes =
      std::make_unique<std::string>(small_model({node("Add", {"x", "w"}, {"y"})}, {tensor_floats("w", {2}, {1, 2})}));
  const auto g = load(*bytes);
  std::fill(bytes->begin(), bytes->end(), 'x');
  bytes.reset();
  EXPECT_EQ(g->value(g->find_value("w")).data.as<float>()[1], 2.f);
}

}  // namespace
}  // namespace tenon::onnx::load_test
