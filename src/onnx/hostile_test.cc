// Hostile models: each one clear error that names what is wrong, in bounded time and memory.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "support/cpu_time.h"
#include "support/load_model.h"
#include "support/onnx_builder.h"

namespace tenon::onnx::hostile_test {
namespace {

using namespace tenon::test;

constexpr int kFail = 1, kArgument = 2, kProtobuf = 7, kGraph = 10;

struct Case {
  const char* what;
  std::string bytes;
  int code;
  const char* expected;
};

/// x, y: float[2], c: bool → nodes → y.
std::string with_condition(const Protos& nodes, const Protos& initializers = {}) {
  return model(graph_proto({.nodes = nodes,
                            .inputs = {value("x"), value("c", 9, {}), value("m", 7, {})},
                            .outputs = {value("y")},
                            .initializers = initializers}));
}
Proto body(const Protos& nodes, const Protos& outputs, const Protos& inputs = {}, const Protos& initializers = {}) {
  return graph_proto(
      {.nodes = nodes, .inputs = inputs, .outputs = outputs, .initializers = initializers, .name = "body"});
}
const Proto& good_branch() {
  static const Proto b = body({node("Neg", {"x"}, {"t"})}, {value("t")});
  return b;
}
Proto if_node(const Proto& then_branch, const Names& outputs = {"y"}, const Proto& else_branch = good_branch()) {
  return node("If", {"c"}, outputs, {attr_graph("then_branch", then_branch), attr_graph("else_branch", else_branch)});
}
Proto loop_node(const Proto& b, const Names& inputs = {"m", "c", "x"}, const Names& outputs = {"y"}) {
  return node("Loop", inputs, outputs, {attr_graph("body", b)});
}
const Protos kLoopArgs = {value("i", 7, {}), value("ci", 9, {}), value("v")};
const Protos kLoopNodes = {node("Identity", {"ci"}, {"co"}), node("Neg", {"v"}, {"vo"})};
const Protos kLoopOuts = {value("co", 9, {}), value("vo")};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    const CpuTime time;
    const LoadError e = load_error(c.bytes);
    const double seconds = time.seconds();
    EXPECT_EQ(e.code, c.code) << e.text;
    EXPECT_NE(e.text.find(c.expected), std::string::npos) << e.text;
    EXPECT_LT(seconds, 1);
  }
}

TEST(Hostile, Bytes) {
  const std::string good = small_model({node("Neg", {"x"}, {"y"})});
  const Proto g = graph_proto({.nodes = {}, .inputs = {value("x")}, .outputs = {value("x")}});
  check({
      {"empty", "", kProtobuf, "no graph"},
      {"text", "hello world, this is no model", kProtobuf, "wire type"},
      {"zeros", std::string(1000, '\0'), kProtobuf, "field number 0"},
      {"ones", std::string(1000, '\xff'), kProtobuf, "more than 10 bytes"},
      {"another message", Proto().i(1, 8).b(2, "producer").s, kProtobuf, "no graph"},
      {"graph is a number", Proto().i(1, 8).i(7, 1).s, kProtobuf, "ModelProto.graph at byte 2: wire type varint"},
      {"graph twice", model(g) + Proto().m(7, g).s, kProtobuf, "twice"},
      {"ir_version is text", Proto().b(1, "8").s, kProtobuf, "ir_version"},
      {"name is no UTF-8", small_model({node("Neg", {"x\xff"}, {"y"})}), kProtobuf, "UTF-8"},
      {"op_type is no UTF-8", small_model({node("N\xc0\x80", {"x"}, {"y"})}), kProtobuf, "NodeProto.op_type"},
      {"producer is no UTF-8", good + Proto().b(2, "\xed\xa0\x80").s, kProtobuf, "producer_name"},
  });
  // Every prefix fails, or is a model (the last field ended there).
  for (size_t n = 0; n < good.size(); ++n) {
    const LoadError e = load_error(good.substr(0, n));
    EXPECT_TRUE(e.code == kProtobuf || e.code == kGraph) << n << e.text;
  }
}

TEST(Hostile, FlippedBytes) {
  const std::string good =
      with_condition({node("Add", {"x", "w"}, {"a"}), if_node(body({node("Neg", {"a"}, {"t"})}, {value("t")})),
                      loop_node(body(kLoopNodes, kLoopOuts, kLoopArgs), {"m", "c", "x"}, {"z"})},
                     {tensor_floats("w", {2}, {1, 2})});
  ASSERT_EQ(load_error(good).text, "");
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = good;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      load_error(flipped);  // an Error or a graph; anything else would end the test
    }
  }
}

TEST(Hostile, Versions) {
  const Protos nodes = {node("Neg", {"x"}, {"y"})};
  check({
      {"ir 0", small_model(nodes, {}, {.ir = 0}), kGraph, "ir_version is 0"},
      {"ir -1", small_model(nodes, {}, {.ir = -1}), kGraph, "ir_version is -1"},
      {"ir 15", small_model(nodes, {}, {.ir = 15}), kFail, "newer than 14"},
      {"no opset", small_model(nodes, {}, {.opsets = {}}), kGraph, "no opset"},
      {"opset 0", small_model(nodes, {}, {.opsets = {opset("", 0)}}), kGraph, "opset 0"},
      {"opset -1", small_model(nodes, {}, {.opsets = {opset("", -1)}}), kGraph, "opset -1"},
      {"opset 2^33", small_model(nodes, {}, {.opsets = {opset("zz", int64_t{1} << 33)}}), kGraph, "not a version"},
      {"opset 99", small_model(nodes, {}, {.opsets = {opset("", 99)}}), kFail, "newer than"},
      {"metadata key twice", small_model(nodes) + Proto().m(14, Proto().b(1, "k")).m(14, Proto().b(1, "k")).s, kGraph,
       "metadata key \"k\""},
  });
}

TEST(Hostile, Operators) {
  const Proto foreign = node("Foo", {"x"}, {"y"}, {}, "n", "a.b");
  check({
      {"no op_type", small_model({node("", {"x"}, {"y"})}), kGraph, "no op_type"},
      {"unknown op", small_model({node("Negg", {"x"}, {"y"}, {}, "the node")}), kGraph,
       "node \"the node\" (Negg): \"Negg\" is not a known operator of ai.onnx version 17; did you mean \"Neg\"?"},
      {"unknown domain", small_model({foreign}, {}, {.opsets = {opset("", 17), opset("a.b", 1)}}), kFail, "a.b"},
      {"domain not imported", small_model({foreign}), kGraph, "no opset import for domain \"a.b\""},
      {"op of a later opset", small_model({node("Gelu", {"x"}, {"y"})}), kGraph, "came with version 20"},
      {"overload of an operator", small_model({node("Neg", {"x"}, {"y"}).b(8, "v2")}), kGraph, "no function"},
      {"too many inputs", small_model({node("Neg", {"x", "x"}, {"y"})}), kGraph, "2 inputs, expected 1"},
      {"too many inputs, empty", small_model({node("Neg", {"x", ""}, {"y"})}), kGraph, "2 inputs, expected 1"},
      {"too few inputs", small_model({node("Add", {"x"}, {"y"})}), kGraph, "1 inputs, expected 2"},
      {"empty input", small_model({node("Add", {"x", ""}, {"y"})}), kGraph, "input 1 (\"B\") is missing"},
      {"too many outputs", small_model({node("Neg", {"x"}, {"y", "z"})}), kGraph, "2 outputs, expected 1"},
      {"empty output", small_model({node("Neg", {"x"}, {""}), node("Neg", {"x"}, {"y"})}), kGraph, "is missing"},
      {"mixed types", with_condition({node("Add", {"x", "m"}, {"y"})}), kGraph, "tensor(int64)"},
      {"type not taken", with_condition({node("Neg", {"c"}, {"y"})}), kGraph, "tensor(bool)"},
  });
}

TEST(Hostile, Attributes) {
  const auto leaky = [](const Proto& a) { return small_model({node("LeakyRelu", {"x"}, {"y"}, {a})}); };
  check({
      {"unknown", leaky(attr_float("alfa", 1)), kGraph,
       "\"alfa\" is not one of LeakyRelu version 16; did you mean \"alpha\"?"},
      {"kind", leaky(attr_int("alpha", 1)), kGraph, "attribute \"alpha\" is INT, expected FLOAT"},
      {"type 0", leaky(Proto().b(1, "alpha").f(2, 1)), kGraph, "no valid type (0)"},
      {"type 99", leaky(Proto().b(1, "alpha").f(2, 1).i(20, 99)), kGraph, "no valid type (99)"},
      {"value of another type", leaky(Proto().b(1, "alpha").i(3, 1).i(20, 1)), kGraph, "holds a value of another type"},
      {"two values", leaky(attr_float("alpha", 1).i(3, 1)), kGraph, "holds a value of another type"},
      {"no name", leaky(attr_float("", 1)), kGraph, "no name"},
      {"reference", leaky(attr_ref("alpha", "a", 1)), kGraph, "not the body of a function"},
      {"reference and value", leaky(attr_ref("alpha", "a", 1).f(2, 1)), kGraph, "refers to \"a\" as well"},
      {"twice", small_model({node("LeakyRelu", {"x"}, {"y"}, {attr_float("alpha", 1), attr_float("alpha", 1)})}),
       kGraph, "occurs twice"},
      {"missing", small_model({node("Concat", {"x", "x"}, {"y"})}), kGraph, "required attribute \"axis\""},
      {"tensor without value", small_model({node("Constant", {}, {"y"}, {Proto().b(1, "value").i(20, 4)})}), kGraph,
       "has type TENSOR, but no value"},
      {"bad tensor", small_model({node("Constant", {}, {"y"}, {attr_tensor("value", tensor_raw("", 1, {2}, "abc"))})}),
       kGraph, "raw_data has 3 bytes"},
      {"axis out of range", small_model({node("Concat", {"x", "x"}, {"y"}, {attr_int("axis", 7)})}), kGraph,
       "axis 7 out of range"},
  });
}

TEST(Hostile, ElementTypesThatAttributesName) {
  std::vector<Case> cases;
  const auto add = [&](const char* op, const char* attribute, const Names& inputs) {
    // 75 is past any shift of a 64-bit set; 257 and -255 would wrap to float in a byte.
    for (int64_t type : {int64_t{29}, int64_t{75}, int64_t{257}, int64_t{-1}, int64_t{-255}, int64_t{1} << 40})
      cases.push_back({op,
                       small_model({node(op, inputs, {"y"}, {attr_int(attribute, type)})}, {},
                                   {.ir = 11, .opsets = {opset("", 26)}}),
                       kGraph, attribute});
  };
  add("Bernoulli", "dtype", {"x"});
  add("RandomUniformLike", "dtype", {"x"});
  add("Multinomial", "dtype", {"x"});
  add("EyeLike", "dtype", {"x"});
  add("Cast", "to", {"x"});
  add("BitCast", "to", {"x"});
  add("QuantizeLinear", "output_dtype", {"x", "x"});
  add("SequenceEmpty", "dtype", {});
  check(cases);
}

TEST(Hostile, Names) {
  const Proto neg = node("Neg", {"x"}, {"y"});
  const auto parts = [&](GraphParts p) {
    if (p.outputs.empty()) p.outputs = {value("y")};
    return model(graph_proto(p));
  };
  check({
      {"undefined input", small_model({node("Add", {"x", "q"}, {"y"})}), kGraph, "input \"q\""},
      {"undefined output", small_model({node("Neg", {"x"}, {"z"})}), kGraph, "graph output \"y\""},
      {"empty output name", parts({.nodes = {neg}, .inputs = {value("x")}, .outputs = {value("")}}), kGraph,
       "graph output \"\""},
      {"defined twice", small_model({neg, neg}), kGraph, "value \"y\" is defined twice"},
      {"twice in one node", small_model({node("Split", {"x"}, {"y", "y"})}), kGraph, "value \"y\" is defined twice"},
      {"output is an initializer", small_model({neg}, {tensor_floats("y", {2}, {1, 2})}), kGraph, "defined twice"},
      {"output is an input", small_model({node("Neg", {"x"}, {"x"}), neg}), kGraph, "\"x\" is defined twice"},
      {"initializer twice", small_model({neg}, {tensor_floats("w", {1}, {1}), tensor_floats("w", {1}, {1})}), kGraph,
       "initializer \"w\" is defined twice"},
      {"input twice", parts({.nodes = {neg}, .inputs = {value("x"), value("x")}, .outputs = {}}), kGraph,
       "\"x\" is defined twice"},
      {"input without name", parts({.nodes = {neg}, .inputs = {value("x"), value("")}, .outputs = {}}), kGraph,
       "no name"},
      {"input without type", parts({.nodes = {neg}, .inputs = {Proto().b(1, "x")}, .outputs = {}}), kGraph,
       "has no type"},
      {"input of type 0", parts({.nodes = {neg}, .inputs = {value("x", 0)}, .outputs = {}}), kGraph, "has no type"},
      {"input of type 99", parts({.nodes = {neg}, .inputs = {value("x", 99)}, .outputs = {}}), kGraph,
       "element type 99"},
      {"initializer of another type than the input",
       parts({.nodes = {neg},
              .inputs = {value("x", 7)},
              .outputs = {},
              .initializers = {tensor_floats("x", {2}, {1, 2})}}),
       kGraph, "declared as tensor(int64)"},
      {"initializer of another shape than the input",
       parts({.nodes = {neg}, .inputs = {value("x")}, .outputs = {}, .initializers = {tensor_floats("x", {1}, {1})}}),
       kGraph, "its initializer is tensor(float)[1]"},
      {"declared element type", parts({.nodes = {neg}, .inputs = {value("x")}, .outputs = {value("y", 7)}}), kGraph,
       "\"y\""},
      {"cycle",
       small_model(
           {node("Add", {"x", "b"}, {"a"}, {}, "n1"), node("Abs", {"a"}, {"b"}, {}, "n2"), node("Neg", {"a"}, {"y"})}),
       kGraph, "cycle"},
      {"own output", small_model({node("Add", {"x", "y"}, {"y"}, {}, "self")}), kGraph, "cycle through node \"self\""},
  });
  EXPECT_EQ(load_error(small_model({node("Neg", {"x"}, {std::string(65536, 'a')}), neg})).text, "");
  const LoadError e = load_error(small_model({node("Neg", {"x"}, {std::string(65537, 'a')}), neg}));
  EXPECT_EQ(e.limit, "name_length");
  EXPECT_LT(e.text.size(), 400u) << "a long name is cut in messages";
}

TEST(Hostile, Bodies) {
  const Protos neg = {node("Neg", {"x"}, {"t"})};
  const auto loop = [](const Proto& b) { return with_condition({loop_node(b)}); };
  const auto scan = [](int64_t inputs) {
    return with_condition({node("Scan", {"x", "x"}, {"y", "z"},
                                {attr_graph("body", body({node("Add", {"s", "e"}, {"o"}), node("Neg", {"o"}, {"p"})},
                                                         {value("o"), value("p")}, {value("s"), value("e")})),
                                 attr_int("num_scan_inputs", inputs)})});
  };
  check({
      {"branch with an input", with_condition({if_node(body(neg, {value("t")}, {value("q")}))}), kGraph,
       "\"then_branch\" has 1 inputs, expected 0"},
      {"branch with two outputs", with_condition({if_node(body(neg, {value("t"), value("t")}))}), kGraph,
       "\"then_branch\" has 2 outputs, expected 1"},
      {"branch missing", with_condition({node("If", {"c"}, {"y"}, {attr_graph("then_branch", good_branch())})}), kGraph,
       "else_branch"},
      {"branch is no graph", with_condition({node("If", {"c"}, {"y"}, {attr_int("then_branch", 1)})}), kGraph,
       "expected GRAPH"},
      {"branch returns an outer value", with_condition({if_node(body({node("Abs", {"x"}, {"u"})}, {value("x")}))}),
       kGraph, "graph output \"x\""},
      {"branch returns nothing known", with_condition({if_node(body(neg, {value("nope")}))}), kGraph,
       "graph output \"nope\""},
      {"branch reads nothing known", with_condition({if_node(body({node("Neg", {"zz"}, {"t"})}, {value("t")}))}),
       kGraph, "input \"zz\""},
      {"branch redefines an outer value", with_condition({if_node(body({node("Neg", {"c"}, {"x"})}, {value("x")}))}),
       kGraph, "graph around"},
      {"branch reads its own result", with_condition({if_node(body({node("Neg", {"y"}, {"t"})}, {value("t")}))}),
       kGraph, "cycle"},
      {"bad node in a branch",
       with_condition({if_node(body({node("Neg", {"x", "x"}, {"t"}, {}, "inner")}, {value("t")}))}), kGraph,
       "node \"inner\" (Neg): 2 inputs"},
      {"bytes of a branch",
       with_condition({node("If", {"c"}, {"y"},
                            {attr_graph("then_branch", Proto().i(1, 1)), attr_graph("else_branch", good_branch())})}),
       kProtobuf, "GraphProto.node"},
      {"loop body with 2 inputs",
       loop(body({node("Identity", {"ci"}, {"co"}), node("Neg", {"x"}, {"vo"})}, kLoopOuts,
                 {kLoopArgs[0], kLoopArgs[1]})),
       kGraph, "\"body\" has 2 inputs, expected 3"},
      {"loop body with 1 output", loop(body(kLoopNodes, {kLoopOuts[0]}, kLoopArgs)), kGraph,
       "\"body\" has 1 outputs, expected 2"},
      {"loop body input has an initializer",
       loop(body(kLoopNodes, kLoopOuts, kLoopArgs, {tensor_floats("v", {2}, {1, 2})})), kGraph,
       "\"body\" has 2 inputs, expected 3"},
      {"loop body input twice", loop(body(kLoopNodes, kLoopOuts, {kLoopArgs[0], kLoopArgs[1], kLoopArgs[1]})), kGraph,
       "defined twice"},
      {"loop carried value without output",
       with_condition({loop_node(body(kLoopNodes, kLoopOuts, {kLoopArgs[0], kLoopArgs[1], kLoopArgs[2], value("w")}),
                                 {"m", "c", "x", "x"})}),
       kGraph, "one for each carried value"},
      {"scan of none", scan(0), kGraph, "num_scan_inputs is 0"},
      {"scan of too many", scan(3), kGraph, "num_scan_inputs is 3, expected 1 to 2"},
      {"scan of one", scan(1), 0, ""},
      {"scan of all", scan(2), 0, ""},
      {"scan of -1", scan(-1), kGraph, "num_scan_inputs is -1"},
      {"scan of 2^62", scan(int64_t{1} << 62), kGraph, "num_scan_inputs is"},
  });
}

TEST(Hostile, Types) {
  const auto input = [](const Proto& type) {
    return model(graph_proto({.nodes = {}, .inputs = {value_info("x", type)}, .outputs = {Proto().b(1, "x")}}));
  };
  const Proto tensor = Proto().m(1, Proto().i(1, 1));
  Proto deep = tensor;
  for (int i = 0; i < 1000; ++i) deep = Proto().m(4, Proto().m(1, deep));
  check({
      {"sequence of an unknown type", input(Proto().m(4, Proto().m(1, Proto()))), kGraph, "has no type"},
      {"two kinds", input(Proto(tensor).m(8, Proto())), kProtobuf, "two kinds"},
      {"sequence of nothing", input(Proto().m(4, Proto())), kGraph, "no element type"},
      {"map without key", input(Proto().m(5, Proto().m(2, tensor))), kGraph, "no key type"},
      {"map key type", input(Proto().m(5, Proto().i(1, 77).m(2, tensor))), kGraph, "element type 77"},
      {"shape twice", input(Proto().m(1, Proto().i(1, 1).m(2, Proto()).m(2, Proto()))), kProtobuf, "twice"},
      {"deep", input(deep), kArgument, "limit: depth"},
  });
  Proto at = tensor;
  for (int i = 0; i < 64; ++i) at = Proto().m(4, Proto().m(1, at));
  EXPECT_EQ(load_error(input(at)).text, "");
  EXPECT_EQ(load_error(input(Proto().m(4, Proto().m(1, at)))).limit, "depth");
}

TEST(Hostile, NoOperatorTakesOpaqueValues) {
  const Proto opaque = Proto().m(7, Proto().b(1, "d").b(2, "n"));
  const auto graph = [&](const Proto& type, const Proto& n) {
    return model(
        graph_proto({.nodes = {n}, .inputs = {value_info("x", type), value("i", 7, {})}, .outputs = {value("y")}}));
  };
  check({
      {"element-wise", graph(opaque, node("Neg", {"x"}, {"y"})), kGraph, "has type opaque; expected"},
      {"any type", graph(opaque, node("Identity", {"x"}, {"y"})), kGraph, "has type opaque; expected"},
      {"variadic", graph(opaque, node("Einsum", {"x"}, {"y"}, {attr_string("equation", "ij->ji")})), kGraph,
       "has type opaque; expected"},
      {"in a sequence", graph(Proto().m(4, Proto().m(1, opaque)), node("SequenceAt", {"x", "i"}, {"y"})), kGraph,
       "has type seq(opaque); expected"},
  });
}

/// `depth` graphs in each other.
std::string nested(int depth) {
  Proto b = good_branch();
  for (int i = 2; i < depth; ++i) b = body({if_node(b, {"y" + std::to_string(i)})}, {value("y" + std::to_string(i))});
  return depth == 1 ? with_condition({node("Neg", {"x"}, {"y"})}) : with_condition({if_node(b)});
}

TEST(Hostile, DepthOfSubgraphs) {
  EXPECT_EQ(load_error(nested(3), {.depth = 3}).text, "");
  const LoadError e = load_error(nested(4), {.depth = 3});
  EXPECT_EQ(e.limit, "depth");
  EXPECT_EQ(e.reason, ErrorReason::kLimit);
  EXPECT_EQ(load_error(nested(64)).text, "");
  EXPECT_EQ(load_error(nested(65)).limit, "depth");
  EXPECT_EQ(load_error(nested(3000)).limit, "depth") << "no recursion on the way there";
}

TEST(Hostile, CountsHaveLimits) {
  Protos nodes;
  for (int i = 0; i < 10; ++i) nodes.push_back(node("Neg", {"x"}, {"v" + std::to_string(i)}));
  nodes.push_back(node("Neg", {"x"}, {"y"}));
  const std::string bytes = small_model(nodes);
  EXPECT_EQ(load_error(bytes, {.nodes = 11}).text, "");
  EXPECT_EQ(load_error(bytes, {.nodes = 10}).limit, "nodes");
  EXPECT_EQ(load_error(bytes, {.file_bytes = static_cast<int64_t>(bytes.size())}).text, "");
  EXPECT_EQ(load_error(bytes, {.file_bytes = static_cast<int64_t>(bytes.size()) - 1}).limit, "file_bytes");
  EXPECT_EQ(load_error(bytes, {.objects = 20}).limit, "objects");
  const Proto large = tensor_head("", 1, {int64_t{1} << 41});
  for (const std::string& model :
       {small_model({node("Neg", {"x"}, {"y"})}, {Proto(large).b(8, "w")}),
        small_model({node("Constant", {}, {"w"}, {attr_tensor("value", large)}), node("Neg", {"x"}, {"y"})}),
        small_model({node("ConstantOfShape", {"s"}, {"w"}), node("Neg", {"x"}, {"y"})},
                    {tensor_int64s("s", {1}, {int64_t{1} << 41})})}) {
    const LoadError e = load_error(model);
    EXPECT_EQ(e.limit, "tensor_elements") << e.text;
    EXPECT_EQ(e.code, kArgument) << "a limit is no fault of the graph: " << e.text;
  }
}

TEST(Hostile, FewBytesAskingForPetabytes) {
  const auto filled = [](int64_t rows) {
    return small_model({node("ConstantOfShape", {"s"}, {"big"}), node("Add", {"x", "big"}, {"y"})},
                       {tensor_int64s("s", {1}, {rows})});
  };
  EXPECT_LT(filled(1).size(), 200u);
  const LoadError e = load_error(filled(int64_t{25} << 50));
  EXPECT_EQ(e.limit, "tensor_elements") << e.text;
  EXPECT_NE(e.text.find("ConstantOfShape"), std::string::npos) << e.text;
  // No operator's own check sees this one: 2^21 rows and 2^21 columns broadcast.
  const auto outer = [](int64_t rows) {
    return model(graph_proto({.nodes = {node("Add", {"a", "b"}, {"y"})},
                              .inputs = {value("a", 1, {rows, 1}), value("b", 1, {1, 1 << 20})},
                              .outputs = {Proto().b(1, "y")}}));
  };
  EXPECT_EQ(load_error(outer(1 << 20)).text, "");
  EXPECT_EQ(load_error(outer((1 << 20) + 1)).limit, "tensor_elements");
  const std::string product = small_model({node("ConstantOfShape", {"s"}, {"z"}), node("Neg", {"x"}, {"y"})},
                                          {tensor_int64s("s", {3}, {int64_t{1} << 40, int64_t{1} << 40, 8})});
  EXPECT_NE(load_error(product).code, 0);
  EXPECT_EQ(load_error(small_model({node("ConstantOfShape", {"s"}, {"z"}), node("Neg", {"x"}, {"y"})},
                                   {tensor_int64s("s", {2}, {int64_t{1} << 60, 0})}))
                .text,
            "")
      << "no elements";
}

TEST(Hostile, ManyEmptyMessages) {
  std::string nodes(20'000'000, '\0');  // 10^7 empty nodes
  for (size_t i = 0; i < nodes.size(); i += 2) nodes[i] = 0x0a;
  const CpuTime time;
  EXPECT_EQ(load_error(model(Proto{nodes})).code, kGraph);
  EXPECT_LT(time.seconds(), test::limit_s(2));
  std::string dims(4'000'000, '\0');  // 2 * 10^6 unknown dims
  for (size_t i = 0; i < dims.size(); i += 2) dims[i] = 0x0a;
  const Proto type = Proto().m(1, Proto().i(1, 1).b(2, dims));
  load_error(model(graph_proto({.nodes = {}, .inputs = {value_info("x", type)}, .outputs = {}})));
}

TEST(Hostile, LongChainsAndManyUses) {
  Protos nodes;
  for (int i = 30000; i > 0; --i)
    nodes.push_back(
        node("Neg", {i == 1 ? "x" : "v" + std::to_string(i - 1)}, {i == 30000 ? "y" : "v" + std::to_string(i)}));
  EXPECT_EQ(load_error(small_model(nodes)).text, "") << "sorted without recursion";
  nodes.insert(nodes.begin(), node("Add", {"x", "v29999"}, {"z"}));
  nodes.back() = node("Add", {"x", "z"}, {"v1"});
  EXPECT_NE(load_error(small_model(nodes)).text.find("cycle"), std::string::npos);
}

}  // namespace
}  // namespace tenon::onnx::hostile_test
