// Custom operators in sessions: from C++ and from a library, their ports, state, shapes, errors, and what is refused.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/onnx_builder.h"
#include "support/op_runner.h"
#include "support/source_dir.h"
#include "support/temporary_dir.h"
#include "tenon/tenon.h"

namespace tenon::session::custom_ops_test {
namespace {

using namespace tenon::plugin;
using test::attr_float;
using test::attr_graph;
using test::attr_string;
using test::error_of;
using test::graph_proto;
using test::items;
using test::Names;
using test::opset;
using test::Proto;
using test::Protos;
using test::tensor_floats;
using test::tensor_int64s;
using test::value;
using test::vec;

std::string plugin(const std::string& name) { return std::string(test::kPluginDir) + "/" + name + ".so"; }

Proto op(std::string_view name, const Names& in, const Names& out, const Protos& attrs = {},
         std::string_view label = "n") {
  return test::node(name, in, out, attrs, label, "test.ops");
}

/// `inputs` and outputs y (and more) of any length.
std::string model_of(const Protos& nodes, const Protos& initializers = {}, const Protos& inputs = {value("x", 1, {-2})},
                     const Protos& outputs = {value("y", 1, {-2})}, const Protos& functions = {}) {
  return test::model(graph_proto({.nodes = nodes, .inputs = inputs, .outputs = outputs, .initializers = initializers}),
                     {.opsets = {opset("", 17), opset("test.ops", 2), opset("f", 1)}, .functions = functions});
}

SessionOptions with_library() {
  SessionOptions o;
  o.register_custom_ops_library(plugin("ops"));
  return o;
}

Session session_of(const std::string& bytes, const SessionOptions& options = with_library()) {
  return Session({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, options);
}

std::vector<float> run(const Session& s, const std::map<std::string, Value>& feeds) {
  return items<float>(s.run(feeds)[0]);
}

TEST(CustomOps, KeepStatePerNode) {
  const Session s = session_of(model_of({op("Scale", {"x", "b"}, {"u"}, {attr_float("factor", 3)}),
                                         op("Scale", {"u"}, {"v"}), op("Scale", {"v", "c"}, {"y"})},
                                        {tensor_floats("b", {1}, {1})}, {value("x", 1, {-2}), value("c", 1, {1})}));
  EXPECT_EQ(run(s, {{"x", vec<float>({1, 2})}, {"c", vec<float>({5})}}), (std::vector<float>{21, 33}));
  EXPECT_EQ(run(s, {{"x", vec<float>({0})}, {"c", vec<float>({6})}}), (std::vector<float>{10}));
}

TEST(CustomOps, LoopsAreCutAcrossThreads) {
  SessionOptions o = with_library();
  o.intra_op_num_threads = 4;
  const Session s = session_of(model_of({op("Scale", {"x"}, {"y"})}), o);
  std::vector<float> x(1 << 20), twice(x.size());
  for (size_t i = 0; i < x.size(); ++i) twice[i] = 2 * (x[i] = static_cast<float>(i % 1000));
  EXPECT_EQ(run(s, {{"x", vec<float>(x)}}), twice);
}

TEST(CustomOps, WithoutInferTheRunFindsShapes) {
  const Session s =
      session_of(model_of({op("Positive", {"x"}, {"p"}), test::node("Neg", {"p"}, {"q"}), op("Scale", {"q"}, {"y"})}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(run(s, {{"x", vec<float>({1, -1, 2})}}), (std::vector<float>{-2, -4}));
    EXPECT_EQ(run(s, {{"x", vec<float>({1, 3, 2})}}), (std::vector<float>{-2, -6, -4}));
    EXPECT_EQ(run(s, {{"x", vec<float>({-1})}}), std::vector<float>{});
  }
}

TEST(CustomOps, VariadicAndOptionalPorts) {
  EXPECT_EQ(run(session_of(model_of({op("Sum", {"x", "x", "x"}, {"y"})})), {{"x", vec<float>({1, 2})}}),
            (std::vector<float>{3, 6}));
  EXPECT_EQ(error_of([] { session_of(model_of({op("Sum", {"x"}, {"y"})})); }),
            "node \"n\" (Sum): 1 inputs, expected 2 or more");
  const auto strings = model_of({op("Join", {"x"}, {"y", "n"}, {attr_string("text", "!")})}, {}, {value("x", 8, {-2})},
                                {value("y", 8, {-2}), value("n", 7, {-2})});
  const std::vector<int64_t> dims = {2};
  const auto out = session_of(strings).run({{"x", Value::strings(dims, {"a", "bc"})}});
  EXPECT_EQ(out[0].string_data()[1], "bc!");
  EXPECT_EQ(items<int64_t>(out[1]), (std::vector<int64_t>{2, 3}));
  EXPECT_NE(error_of([] { session_of(model_of({op("Join", {"x"}, {"y"})})); }).find("required attribute \"text\""),
            std::string::npos);
}

TEST(CustomOps, ContentsDecideShapes) {
  const Session fixed =
      session_of(model_of({op("Repeat", {"x", "t"}, {"y"})}, {tensor_int64s("t", {1}, {2})}, {value("x", 1, {3})}));
  EXPECT_EQ(fixed.outputs()[0].shape->at(0).value, 6);
  const Session s =
      session_of(model_of({op("Repeat", {"x", "t"}, {"y"})}, {}, {value("x", 1, {-2}), value("t", 7, {1})}));
  for (const int64_t times : {1, 3, 1}) {
    const auto y = run(s, {{"x", vec<float>({1, 2})}, {"t", vec<int64_t>({times})}});
    EXPECT_EQ(y.size(), 2 * static_cast<size_t>(times));
  }
}

TEST(CustomOps, InSubgraphsAndFunctions) {
  const auto branch = [](const Proto& node) { return graph_proto({{node}, {}, {value("r", 1, {-2})}}); };
  const Proto choose = test::node("If", {"c"}, {"y"},
                                  {attr_graph("then_branch", branch(op("Scale", {"u"}, {"r"}))),
                                   attr_graph("else_branch", branch(op("Positive", {"u"}, {"r"})))});
  const Proto f =
      test::function("f", "F", {"a"}, {"b"}, {op("Scale", {"a"}, {"b"})}, {}, {opset("", 17), opset("test.ops", 2)});
  const Session s = session_of(model_of({test::node("F", {"x"}, {"u"}, {}, "call", "f"), choose}, {},
                                        {value("x", 1, {-2}), value("c", 9, {})}, {value("y", 1, {-2})}, {f}));
  const auto feed = [](bool c) {
    return std::map<std::string, Value>{{"x", vec<float>({-1, 2})}, {"c", test::scalar<bool>(c)}};
  };
  EXPECT_EQ(run(s, feed(true)), (std::vector<float>{-4, 8}));
  EXPECT_EQ(run(s, feed(false)), (std::vector<float>{4}));
}

TEST(CustomOps, FoldedOnlyWhenDeterministic) {
  const Session s = session_of(model_of({op("Scale", {"w"}, {"a"}), op("Counter", {"w"}, {"b"}),
                                         op("Counter", {"w"}, {"c"}), op("Sum", {"x", "a", "b", "c"}, {"y"})},
                                        {tensor_floats("w", {1}, {10})}));
  EXPECT_EQ(s.load_report().nodes_final, 3u);
  EXPECT_EQ(run(s, {{"x", vec<float>({1})}}), (std::vector<float>{41}));
  EXPECT_EQ(run(s, {{"x", vec<float>({1})}}), (std::vector<float>{43}));
}

TEST(CustomOps, AreSavedPlacedAndShown) {
  SessionOptions o = with_library();
  o.providers = {{"TestDeviceExecutionProvider", {{"ops", "Scale,Repeat"}, {"fuse", "0"}}}};
  o.log_sink = [](int, std::string_view, std::string_view) {};
  const std::string bytes =
      model_of({op("Scale", {"x"}, {"u"}), op("Repeat", {"u", "t"}, {"v"}), op("Counter", {"v"}, {"y"})}, {},
               {value("x", 1, {-2}), value("t", 7, {1})});
  const Session s = session_of(bytes, o);
  const std::map<std::string, Value> feed = {{"x", vec<float>({1, 2})}, {"t", vec<int64_t>({2})}};
  EXPECT_EQ(run(s, feed), (std::vector<float>{2, 4, 2, 4}));
  const LoadReport::Placement p = s.load_report().placement();
  EXPECT_EQ(p.nodes[0].op, "test.ops.Scale");
  EXPECT_EQ(p.nodes[1].provider, "TestDeviceExecutionProvider");
  EXPECT_EQ(p.nodes[2].provider, "CPUExecutionProvider");
  for (const auto& c : p.copies) EXPECT_NE(c.value, "t") << "an operand that stays on the host";
  EXPECT_EQ(run(session_of(s.model_bytes()), feed), (std::vector<float>{2, 4, 2, 4}));
}

TEST(CustomOps, ErrorsNameTheNode) {
  const auto misbehave = [](const char* how) {
    const Session s = session_of(model_of({op("Misbehave", {"x"}, {"y"}, {attr_string("how", how)}, "culprit")}));
    return error_of([&] { run(s, {{"x", vec<float>({1, 2})}}); });
  };
  EXPECT_EQ(misbehave("std"), "node culprit (Misbehave): it went wrong");
  EXPECT_EQ(misbehave("int"), "node culprit (Misbehave): an exception of unknown type");
  EXPECT_EQ(misbehave("worker"), "node culprit (Misbehave): a worker went wrong");
  EXPECT_EQ(misbehave("shape"), "node culprit (Misbehave): output 0 has shape [3] where inference said [2]");
  EXPECT_NE(misbehave("negative").find("-3"), std::string::npos);
  EXPECT_EQ(misbehave("missing"), "node culprit (Misbehave): input 1 is missing");
  EXPECT_EQ(error_of([] { session_of(model_of({op("Scale", {"x"}, {"y"}, {attr_float("factor", 0)})})); }),
            "node n (Scale): factor 0 found, expected another number");
  EXPECT_EQ(error_of([] {
              session_of(
                  model_of({op("Repeat", {"x", "t"}, {"y"})}, {tensor_int64s("t", {1}, {2})}, {value("x", 1, {2, 2})}));
            }),
            "node \"n\" (Repeat): rank 2, expected 1");
  EXPECT_NE(
      error_of([] { session_of(model_of({op("Scale", {"x"}, {"y"})}, {}, {value("x", 7)})); }).find("expected float"),
      std::string::npos);
  EXPECT_NE(error_of([] { session_of(model_of({op("Skale", {"x"}, {"y"})})); }).find("did you mean \"Scale\"?"),
            std::string::npos);
}

TEST(CustomOps, AreCancelled) {
  const Session s = session_of(model_of({op("Misbehave", {"x"}, {"y"}, {attr_string("how", "wait")})}));
  RunOptions o;
  o.config["tenon.deadline_ms"] = "30";
  try {
    s.run({{"x", vec<float>({1, 2})}}, {}, o);
    FAIL() << "it ended";
  } catch (const Error& e) {
    EXPECT_EQ(e.reason(), ErrorReason::kDeadline);
  }
}

TEST(CustomOps, LibrariesLiveAsLongAsTheirSessions) {
  std::unique_ptr<Session> s;
  {
    SessionOptions o = with_library();
    s = std::make_unique<Session>(session_of(model_of({op("Scale", {"x"}, {"y"})}), o));
  }
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 1; i < 50; ++i)
        right += run(*s, {{"x", test::tensor<float>({i}, std::vector<float>(i, 1))}})[0] == 2;
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(right, 4 * 49);
}

TEST(CustomOps, RefusesLibraries) {
  const auto load = [](const std::string& path) {
    return error_of([&] { SessionOptions().register_custom_ops_library(path); });
  };
  EXPECT_EQ(load("/no/such.so"), "library \"/no/such.so\": there is no such file");
  EXPECT_EQ(load("libm.so.6"), "library \"libm.so.6\": there is no such file");
  EXPECT_EQ(load(""), "library \"\": there is no such file");
  const test::TemporaryDir dir;
  dir.write("text.so", "no library");
  EXPECT_NE(load(dir.path() / "text.so").find("cannot be loaded"), std::string::npos);
  EXPECT_NE(load(plugin("future_api")).find("version 2 of tenon/plugin.h, expected 1"), std::string::npos);
  EXPECT_NE(load(plugin("future_abi")).find("another C++ standard library"), std::string::npos);
  EXPECT_NE(load(plugin("ort")).find("onnxruntime's C interface"), std::string::npos);
  EXPECT_NE(load(plugin("broken")).find("test.broken::NoMake: it has no make function"), std::string::npos);
  SessionOptions twice = with_library();
  EXPECT_NE(error_of([&] {
              twice.register_custom_ops_library(plugin("ops"));
            }).find("test.ops::Scale: it is registered twice"),
            std::string::npos);
  EXPECT_EQ(twice.custom_ops.size(), 1u);
}

CustomOp identity() {
  return {.name = "Same",
          .inputs = {{.name = "x", .type_var = "T"}},
          .outputs = {{.name = "y", .type_var = "T"}},
          .make = [](const KernelInfo&) {
            return make_kernel([](RunContext& c) {
              const TensorView x = c.input(0);
              std::memcpy(c.output(0, x.dims).data, x.data, static_cast<size_t>(x.count) * 4);
            });
          }};
}

TEST(CustomOps, RefusesWrongDescriptions) {
  struct Case {
    const char* what;
    std::function<void(CustomOp&)> change;
    const char* domain = "d";
  };
  const Case cases[] = {
      {"d::(no name): it has no name", [](CustomOp& o) { o.name.clear(); }},
      {"since version 0 found, expected >= 1", [](CustomOp& o) { o.since = 0; }},
      {"its last version 1 is before its first, 2", [](CustomOp& o) { o.since = 2, o.until = 1; }},
      {"it has no make function", [](CustomOp& o) { o.make = nullptr; }},
      {"it has no output port", [](CustomOp& o) { o.outputs.clear(); }},
      {"input 0 has no name", [](CustomOp& o) { o.inputs[0].name.clear(); }},
      {"two of its outputs are called \"y\"", [](CustomOp& o) { o.outputs.push_back(o.outputs[0]); }},
      {"input \"x\": 77 is no element type", [](CustomOp& o) { o.inputs[0].types = {static_cast<DType>(77)}; }},
      {"\"x\" is variadic, but not the last one",
       [](CustomOp& o) {
         o.inputs[0].use = PortUse::kVariadic;
         o.inputs.push_back({.name = "z"});
       }},
      {"min_count 300 found, expected 0 to 255",
       [](CustomOp& o) {
         o.inputs[0].use = PortUse::kVariadic;
         o.inputs[0].min_count = 300;
       }},
      {"have the type variable T, but other types", [](CustomOp& o) { o.outputs[0].types = {DType::kFloat}; }},
      {"its element type follows from no input", [](CustomOp& o) { o.outputs[0].type_var = "U"; }},
      {"two of its attributes are called \"a\"",
       [](CustomOp& o) {
         o.attributes = {{.name = "a"}, {.name = "a"}};
       }},
      {"attribute \"a\": its default is of another kind",
       [](CustomOp& o) { o.attributes = {{.name = "a", .otherwise = 1.5f}}; }},
      {"attribute \"a\" is required, but has a default",
       [](CustomOp& o) { o.attributes = {{.name = "a", .required = true, .otherwise = int64_t{1}}}; }},
      {"Tenon has an operator of this name for the same versions", [](CustomOp& o) { o.name = "Relu"; }, ""},
      {"is the newest version of ai.onnx", [](CustomOp& o) { o.since = 999; }, "ai.onnx"},
  };
  for (const Case& c : cases) {
    CustomOp changed = identity();
    c.change(changed);
    SessionOptions o;
    const std::string message = error_of([&] { o.add_custom_ops({c.domain, {changed}}); });
    EXPECT_NE(message.find(c.what), std::string::npos) << message << "\nexpected: " << c.what;
    EXPECT_TRUE(message.starts_with("custom operator ")) << message;
    EXPECT_TRUE(o.custom_ops.empty());
  }
}

TEST(CustomOps, FromCppTakeTheNewestVersionThatFits) {
  SessionOptions o;
  CustomOp old = identity(), now = identity();
  now.since = 3;
  now.make = [](const KernelInfo& node) {
    return make_kernel([since = node.since_version()](RunContext& c) {
      for (float& y : c.output(0, c.input(0).dims).as<float>()) y = static_cast<float>(since);
    });
  };
  o.add_custom_ops({"v", {old, now}});
  for (const int64_t version : {2, 3, 9}) {
    const Session s = session_of(test::small_model({test::node("Same", {"x"}, {"y"}, {}, "n", "v")}, {},
                                                   {.opsets = {opset("", 17), opset("v", version)}}),
                                 o);
    EXPECT_EQ(run(s, {{"x", vec<float>({7, 8})}})[0], version < 3 ? 7 : 3);
  }
}

TEST(CustomOps, InferMustAgreeWithThePorts) {
  const auto load = [](std::function<void(plugin::InferContext&)> infer) {
    SessionOptions o;
    CustomOp op = identity();
    op.outputs[0].type_var.clear();
    op.outputs[0].types = {DType::kFloat, DType::kInt64};
    op.infer = std::move(infer);
    o.add_custom_ops({"v", {op}});
    return error_of([&] {
      session_of(test::small_model({test::node("Same", {"x"}, {"y"}, {}, "n", "v")}, {},
                                   {.opsets = {opset("", 17), opset("v", 1)}}),
                 o);
    });
  };
  EXPECT_EQ(load([](plugin::InferContext& c) { c.set_output(0, DType::kFloat, {2}); }), "");
  EXPECT_NE(load([](plugin::InferContext&) {}).find("infer gave no element type"), std::string::npos);
  EXPECT_NE(load([](plugin::InferContext& c) {
              c.set_output(0, DType::kBool, {2});
            }).find("gave the element type bool; expected float, int64"),
            std::string::npos);
  EXPECT_NE(load([](plugin::InferContext& c) { c.set_output(0, DType::kFloat, {-5}); }).find("dimension -5"),
            std::string::npos);
  EXPECT_NE(load([](plugin::InferContext& c) { c.attributes().get_int("none"); }).find("no attribute \"none\""),
            std::string::npos);
}

}  // namespace
}  // namespace tenon::session::custom_ops_test
