// Saving: what is written loads again as the same graph.
#include "onnx/write.h"

#include <gtest/gtest.h>

#include "graph/verify.h"
#include "onnx/load.h"
#include "support/load_model.h"
#include "support/onnx_builder.h"
#include "support/temporary_dir.h"

namespace tenon::onnx::write_test {
namespace {

using namespace tenon::test;
using graph::NodeId;

std::unique_ptr<graph::Graph> again(const graph::Graph& g) {
  auto out = load(write_model(g, {.ops = loader_ops()}));
  graph::verify(*out);
  return out;
}
Names op_names(const graph::Graph& g, graph::RegionId r = 0) {
  Names out;
  for (NodeId n : g.region(r).nodes) out.push_back(g.node(n).op);
  return out;
}
Proto branch(const std::string& op, const std::string& input) {
  return graph_proto({.nodes = {node(op, {input}, {"t"})}, .inputs = {}, .outputs = {value("t")}, .name = "b"});
}
std::string if_model() {
  return model(graph_proto({.nodes = {node("Abs", {"x"}, {"a"}), node("If", {"c"}, {"y"},
                                                                      {attr_graph("then_branch", branch("Neg", "a")),
                                                                       attr_graph("else_branch", branch("Neg", "w"))})},
                            .inputs = {value("x"), value("c", 9, {})},
                            .outputs = {value("y")},
                            .initializers = {tensor_floats("w", {2}, {1, 2})}}));
}

TEST(Write, RoundTrip) {
  GraphParts parts = {
      .nodes = {node("Add", {"x", "w"}, {"a"}, {}, "sum"), node("LeakyRelu", {"a"}, {"y"}, {attr_float("alpha", .5f)})},
      .inputs = {value("x", 1, {-2}), value("w")},
      .outputs = {value("y", 1, {-2})},
      .initializers = {tensor_floats("w", {2}, {1, 2})}};
  const auto g = load(model(graph_proto(parts)) + Proto().b(2, "me").b(6, "doc").m(14, Proto().b(1, "k").b(2, "v")).s);
  const auto h = again(*g);
  EXPECT_EQ(op_names(*h), (Names{"Add", "LeakyRelu"}));
  EXPECT_EQ(h->node(0).name, "sum");
  EXPECT_EQ(h->node(1).attrs.get_float("alpha", 0), .5f);
  EXPECT_EQ(h->value(h->find_value("w")).role, graph::ValueRole::kInput);
  EXPECT_EQ(h->value(h->find_value("w")).data.as<float>()[1], 2.f);
  EXPECT_EQ(h->info.producer_name, "me");
  EXPECT_EQ(h->info.doc_string, "doc");
  EXPECT_EQ(h->info.metadata, g->info.metadata);
  EXPECT_EQ(h->info.opsets, g->info.opsets);
  EXPECT_EQ(h->info.ir_version, 8);
  EXPECT_EQ(write_model(*h, {.ops = loader_ops()}), write_model(*g, {.ops = loader_ops()})) << "a fixed point";
}

TEST(Write, CapturesBecomeNames) {
  const auto h = again(*load(if_model()));
  const graph::Node& n = h->node(h->region().nodes[1]);
  EXPECT_EQ(n.captures, 1u);
  EXPECT_EQ(n.captured()[0], h->find_value("a"));
  const graph::Node& neg = h->node(h->region(n.regions[1]).nodes[0]);
  EXPECT_EQ(neg.inputs[0], h->find_value("w")) << "a constant is seen from inside";
}

TEST(Write, ResultsThatAreNoNodeOutputs) {
  // A rewrite may leave a body that returns a captured value or a constant, and a result with another name.
  const auto g = load(if_model());
  const graph::Node& n = g->node(g->region().nodes[1]);
  for (const graph::RegionId r : {n.regions[0], n.regions[1]}) {
    const NodeId inner = g->region(r).nodes[0];
    g->set_results(r, {g->node(inner).inputs[0]});
    g->erase_node(inner);
  }
  g->edit_region(0).results[0] = g->find_value("x");
  ++g->edit_value(g->find_value("x")).result_uses;
  const auto h = again(*g);
  EXPECT_EQ(op_names(*h), (Names{"Abs", "If", "Identity"}));
  EXPECT_EQ(h->region().result_names, Names{"y"});
  EXPECT_EQ(op_names(*h, h->node(h->region().nodes[1]).regions[0]), Names{"Identity"});
}

TEST(Write, TypesAndDims) {
  Proto shape = Proto().m(1, Proto().b(2, "batch")).m(1, Proto()).m(1, Proto().i(1, 3));
  const Proto tensor = Proto().m(1, Proto().i(1, 1).m(2, shape));
  const Proto seq = Proto().m(4, Proto().m(1, Proto().m(9, Proto().m(1, Proto().m(1, Proto().i(1, 7))))));
  const Proto map = Proto().m(5, Proto().i(1, 8).m(2, tensor));
  const Proto sparse = Proto().m(8, Proto().i(1, 1).m(2, Proto().m(1, Proto().i(1, 3))));
  const auto g = load(model(graph_proto(
      {.nodes = {},
       .inputs = {value_info("t", tensor), value_info("s", seq), value_info("m", map), value_info("p", sparse)},
       .outputs = {Proto().b(1, "t")}})));
  const auto h = again(*g);
  for (graph::ValueId v = 0; v < 4; ++v)
    EXPECT_EQ(to_string(h->type(v), &h->symbols()).substr(0, 20), to_string(g->type(v), &g->symbols()).substr(0, 20));
  EXPECT_EQ(h->symbols().to_string(h->type(0).dims[0]), "batch");
  EXPECT_TRUE(h->symbols().is_fresh(h->type(0).dims[1]));
  EXPECT_EQ(again(*load(if_model()))->type(1).dims.size(), 0u) << "a scalar keeps its rank";
  EXPECT_TRUE(again(*load(if_model()))->type(1).has_rank);
}

TEST(Write, TensorsOfEveryType) {
  GraphParts parts = {.nodes = {}, .inputs = {}, .outputs = {}};
  for (int t = 1; t < kNumDTypes; ++t) {
    const auto type = static_cast<DType>(t);
    const std::string name = "w" + std::to_string(t);
    parts.outputs.push_back(Proto().b(1, name));
    if (type == DType::kString) {
      parts.initializers.push_back(tensor_head(name, t, {2}).b(6, "a").b(6, "b"));
      continue;
    }
    const size_t bytes = t >= 27 ? (5 * 6 + 7) / 8 : storage_bytes(type, 5);
    std::string raw(bytes, type == DType::kBool ? '\1' : '\x21');
    if (t >= 27) raw.back() = 0;
    parts.initializers.push_back(tensor_raw(name, t, {5}, raw));
  }
  const auto g = load(model(graph_proto(parts)));
  const auto h = again(*g);
  for (int t = 1; t < kNumDTypes; ++t) {
    const std::string name = "w" + std::to_string(t);
    EXPECT_TRUE(graph::same_contents(g->value(g->find_value(name)).data, h->value(h->find_value(name)).data)) << name;
  }
}

TEST(Write, FunctionsAndOverloads) {
  const Proto f = function("f", "F", {"a"}, {"b"}, {node("Neg", {"a"}, {"b"})}, {}, {opset("", 17)}, {}, "v2");
  const auto g = load(small_model({node("F", {"x"}, {"y"}, {attr_int("p", 1)}, "call", "f").b(8, "v2")}, {},
                                  {.ir = 10, .opsets = {opset("", 17), opset("f", 1)}, .functions = {f}}));
  const auto h = again(*g);
  ASSERT_EQ(h->functions.size(), 1u);
  EXPECT_EQ(h->node(0).overload, "v2");
  EXPECT_EQ(h->node(0).attrs.get_int("p", 0), 1);
}

TEST(Write, AttributesOfEveryKind) {
  const Proto type = tensor_type(1, {2});
  const Proto sparse = Proto().m(1, tensor_floats("", {1}, {3})).m(2, tensor_int64s("", {1}, {1})).i(3, 4);
  const auto list = [](const char* name, int64_t kind) { return Proto().b(1, name).i(20, kind); };
  const Protos attrs = {attr_int("i", -3),
                        attr_float("f", .5f),
                        attr_string("s", "s\xff"),
                        attr_tensor("t", tensor_floats("", {1}, {3})),
                        list("tp", 13).m(14, type),
                        list("sp", 11).m(22, sparse),
                        attr_ints("ints", {1, -2}),
                        list("floats", 6).f(7, 1.f).f(7, 2.f),
                        list("strings", 8).b(9, "a").b(9, "b"),
                        list("tensors", 9).m(10, tensor_floats("", {1}, {3})).m(10, tensor_floats("", {1}, {4})),
                        list("types", 14).m(15, type).m(15, type),
                        list("sparses", 12).m(23, sparse),
                        list("none", 7)};
  const Proto f = function("f", "F", {"a"}, {"b"}, {node("Neg", {"a"}, {"b"})});
  const auto g = load(small_model({node("F", {"x"}, {"y"}, attrs, "call", "f")}, {},
                                  {.opsets = {opset("", 17), opset("f", 1)}, .functions = {f}}));
  ASSERT_EQ(g->node(0).attrs.items().size(), attrs.size());
  const auto h = again(*g);
  for (const graph::Attr& a : g->node(0).attrs.items()) {
    const graph::AttrValue* b = h->node(0).attrs.find(a.name);
    ASSERT_NE(b, nullptr) << a.name;
    EXPECT_TRUE(graph::same_attrs({a}, {{a.name, *b}})) << a.name;
  }
}

TEST(Write, OpsetImportsAreRaised) {
  const auto g = load(small_model({node("Neg", {"x"}, {"y"})}));
  graph::Node gelu;
  gelu.op = "Gelu";
  gelu.def = loader_ops().find("", "Gelu", 20);
  ASSERT_NE(gelu.def, nullptr);
  gelu.since_version = 20;
  gelu.inputs = {g->find_value("y")};
  const std::vector<std::string> names = {"z"};
  const NodeId n = g->add_node(0, gelu, names);
  g->set_results(0, {g->node(n).outputs[0]});
  g->edit_region(0).result_names = {"z"};
  EXPECT_EQ(again(*g)->info.opsets.at(""), 20);
  // A node whose meaning changed in between cannot come along.
  const NodeId clip = g->region().nodes[0];
  g->edit(clip).op = "Clip";
  g->edit(clip).def = loader_ops().find("", "Clip", 6);
  g->edit(clip).since_version = 6;
  EXPECT_THROW(write_model(*g, {.ops = loader_ops()}), Error);
}

TEST(Write, ExternalFiles) {
  const TemporaryDir dir;
  const auto g = load(small_model({node("Add", {"x", "w"}, {"a"}), node("Add", {"a", "small"}, {"y"})},
                                  {tensor_floats("w", {2}, {1, 2}), tensor_floats("small", {1}, {3})}));
  EXPECT_THROW(write_model(*g, {.ops = loader_ops(), .external_file = "w.bin"}), Error);
  EXPECT_THROW(save_file(*g, dir.path() / "m.onnx", {.ops = loader_ops(), .external_file = "../w.bin"}), Error);
  save_file(*g, dir.path() / "m.onnx", {.ops = loader_ops(), .external_file = "w.bin", .external_min_bytes = 8});
  EXPECT_EQ(dir.entries(), 2);
  EXPECT_EQ(std::filesystem::file_size(dir.path() / "w.bin"), 8u);
  const auto h = load_file(dir.path() / "m.onnx", {.ops = loader_ops()});
  EXPECT_EQ(h->value(h->find_value("w")).data.as<float>()[1], 2.f);
  EXPECT_EQ(h->value(h->find_value("small")).data.as<float>()[0], 3.f);
  // Over the files that the graph is mapped from: they are replaced, not written into.
  save_file(*h, dir.path() / "m.onnx", {.ops = loader_ops(), .external_file = "w.bin", .external_min_bytes = 8});
  EXPECT_EQ(h->value(h->find_value("w")).data.as<float>()[1], 2.f);
  EXPECT_EQ(load_file(dir.path() / "m.onnx", {.ops = loader_ops()})->region().nodes.size(), 2u);
}

}  // namespace
}  // namespace tenon::onnx::write_test
