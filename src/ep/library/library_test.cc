// Providers from libraries: registered by path, used by name, every ability, every fault, unloaded when nobody needs
// them.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "support/onnx_builder.h"
#include "support/op_runner.h"
#include "support/source_dir.h"
#include "support/temporary_dir.h"
#include "tenon/tenon.h"

namespace tenon::ep::library_test {
namespace {

using test::error_of;
using test::node;
using test::value;
using test::vec;

constexpr const char* kName = "EverythingExecutionProvider";

std::string path_of(const std::string& name) { return std::string(test::kPluginDir) + "/" + name + ".so"; }

/// Registered while alive.
struct Library {
  Library() { register_provider_library("tests", path_of("provider")); }
  ~Library() { unregister_provider_library("tests"); }
};

/// y = -(|x| + relu(-x) + 3), of any length.
std::string model() {
  return test::model(test::graph_proto(
      {.nodes = {node("Abs", {"x"}, {"a"}, {}, "abs"), node("Neg", {"x"}, {"n"}, {}, "neg"),
                 node("Relu", {"n"}, {"r"}, {}, "relu"), node("Add", {"a", "r"}, {"s"}, {}, "sum"),
                 node("Add", {"s", "three"}, {"t"}, {}, "plus"), node("Neg", {"t"}, {"y"}, {}, "last")},
       .inputs = {value("x", 1, {-2})},
       .outputs = {value("y", 1, {-2})},
       .initializers = {test::tensor_floats("three", {1}, {3})}}));
}

Session session_with(const std::map<std::string, std::string>& options, std::string* log = nullptr,
                     SessionOptions o = {}) {
  o.graph_optimization_level = OptimizationLevel::kEnableBasic;
  o.providers = {{kName, options}};
  o.log_sink = [log](int, std::string_view, std::string_view text) {
    if (log) *log += std::string(text) + "\n";
  };
  const std::string bytes = model();
  return Session({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, o);
}

std::vector<float> run(const Session& s, const std::vector<float>& x) {
  return test::items<float>(s.run({{"x", vec<float>(x)}})[0]);
}

TEST(ProviderLibrary, EveryAbility) {
  const Library library;
  for (const char* fuse : {"0", "1"})
    for (const char* memory : {"0", "1"})
      for (const char* streams : {"0", "1"}) {
        const Session s = session_with({{"fuse", fuse}, {"memory", memory}, {"streams", streams}});
        EXPECT_EQ(s.providers()[0], kName);
        for (int round = 0; round < 3; ++round) {
          EXPECT_EQ(run(s, {1, -2, 0}), (std::vector<float>{-4, -7, -3})) << fuse << memory << streams;
          EXPECT_EQ(run(s, {5}), (std::vector<float>{-8}));
          EXPECT_EQ(run(s, {}), std::vector<float>{});
        }
      }
}

TEST(ProviderLibrary, SeesTheGraph) {
  const Library library;
  std::string log;
  const Session s = session_with({{"memory", "1"}}, &log);
  EXPECT_NE(log.find("EverythingExecutionProvider: 5 of 6 nodes in 2 groups, 4 copies"), std::string::npos) << log;
  const LoadReport::Placement p = s.load_report().placement();
  ASSERT_EQ(p.refusals.size(), 1u);
  EXPECT_EQ(p.refusals[0].reason, "Relu is not in its list");
  const Session single = session_with({{"fuse", "0"}, {"ops", "Add"}});
  const auto refused = single.load_report().placement().refusals;
  EXPECT_TRUE(std::ranges::any_of(refused, [](const auto& r) {
    return r.node == "plus" && r.reason.starts_with("its operands have other dims than ");
  }));
}

TEST(ProviderLibrary, FaultsArriveOrFallBack) {
  const Library library;
  const std::vector<float> right = {-4, -7};
  for (const char* where : {"capability", "compile"}) {
    const Session s = session_with({{"fail", where}});
    EXPECT_EQ(run(s, {1, -2}), right) << where;
    const auto refusals = s.load_report().placement().refusals;
    ASSERT_FALSE(refusals.empty());
    EXPECT_NE(refusals[0].reason.find("told to fail"), std::string::npos) << refusals[0].reason;
  }
  EXPECT_NE(error_of([] {
              session_with({{"fail", "kernel"}, {"fuse", "0"}});
            }).find("told to fail in kernel"),
            std::string::npos);
  for (const char* streams : {"0", "1"})
    for (const char* where : {"run", "copy", "run_start", "run_end"}) {
      const Session s = session_with({{"fail", where}, {"memory", "1"}, {"streams", streams}});
      for (int round = 0; round < 2; ++round)
        EXPECT_NE(error_of([&] { run(s, {1, -2}); }).find(std::string("told to fail in ") + where), std::string::npos);
    }
  EXPECT_NE(error_of([] { session_with({{"colour", "blue"}}); }).find("unknown option colour"), std::string::npos);
}

TEST(ProviderLibrary, DynamicOptionsAndTrace) {
  const Library library;
  const test::TemporaryDir dir;
  SessionOptions o;
  o.enable_profiling = true;
  o.profile_file_prefix = dir.path() / "trace";
  Session s = session_with({{"streams", "1"}}, nullptr, o);
  s.set_ep_dynamic_options({{"factor", "2"}});
  EXPECT_EQ(run(s, {1, -2}), (std::vector<float>{-10, -22}));  // two groups, the results of each times 2
  s.set_ep_dynamic_options({{"factor", "1"}});
  EXPECT_EQ(run(s, {1, -2}), (std::vector<float>{-4, -7}));
  EXPECT_NE(error_of([&] { s.set_ep_dynamic_options({{"factor", "much"}}); }).find("stof"), std::string::npos);
  const std::string trace = dir.read(std::filesystem::path(s.end_profiling()).filename().string());
  EXPECT_NE(trace.find("\"chain\""), std::string::npos) << trace;
}

TEST(ProviderLibrary, CompiledContextsAreRestored) {
  const Library library;
  const test::TemporaryDir dir;
  dir.write("m.onnx", model());
  SessionOptions o;
  o.graph_optimization_level = OptimizationLevel::kEnableBasic;
  o.log_sink = [](int, std::string_view, std::string_view) {};
  o.providers = {{kName, {}}};
  o.config["ep.context_enable"] = "1";
  const Session first(dir.path() / "m.onnx", o);
  ASSERT_EQ(first.load_report().context_nodes, 2u);
  o.config = {{"session.disable_model_compile", "1"}};
  const std::string compiled = dir.path() / "m_ctx.onnx";
  EXPECT_EQ(run(Session(compiled, o), {1, -2}), (std::vector<float>{-4, -7}));
  o.providers = {{kName, {{"fail", "restore"}}}};
  EXPECT_NE(error_of([&] { Session(compiled, o); }).find("told to fail in restore"), std::string::npos);
}

TEST(ProviderLibrary, PrefersALayout) {
  const Library library;
  const std::string bytes =
      test::model(test::graph_proto({.nodes = {node("Neg", {"x"}, {"a"}), node("Neg", {"a"}, {"b"}),
                                               node("Abs", {"b"}, {"c"}), node("Neg", {"c"}, {"y"})},
                                     .inputs = {value("x", 1, {1, 2, 3, 2})},
                                     .outputs = {value("y", 1, {1, 2, 3, 2})}}));
  SessionOptions o;
  o.graph_optimization_level = OptimizationLevel::kDisableAll;
  o.log_sink = [](int, std::string_view, std::string_view) {};
  o.providers = {{kName, {{"layout", "1"}, {"ops", "Neg"}}}};
  const Session s({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, o);
  EXPECT_NE(s.graph_text().find("ConvertLayout"), std::string::npos) << s.graph_text();
  std::vector<float> x(12), y(12);
  for (size_t i = 0; i < x.size(); ++i) y[i] = -(x[i] = static_cast<float>(i));
  EXPECT_EQ(test::items<float>(s.run({{"x", test::tensor<float>({1, 2, 3, 2}, x)}})[0]), y);
}

TEST(ProviderLibrary, ServesManyThreads) {
  const Library library;
  const Session s = session_with({{"memory", "1"}, {"streams", "1"}});
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 1; i < 40; ++i) right += run(s, std::vector<float>(i, -1)) == std::vector<float>(i, -5);
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(right, 4 * 39);
}

TEST(ProviderLibrary, IsKnownWhileRegistered) {
  EXPECT_FALSE(has_provider(kName));
  EXPECT_NE(error_of([] { session_with({}); }).find("unknown provider"), std::string::npos);
  {
    const Library library;
    EXPECT_TRUE(has_provider(kName));
    EXPECT_EQ(std::ranges::count(available_providers(), kName), 0);
    const auto devices = provider_devices();
    ASSERT_EQ(devices.size(), 1u);
    EXPECT_EQ(devices[0].provider + devices[0].vendor + devices[0].version, std::string(kName) + "Tests7");
    EXPECT_EQ(devices[0].device.device_id, 3u);
    const Session s = session_with({});
    EXPECT_EQ(error_of([] { unregister_provider_library("tests"); }),
              "provider library \"tests\" is in use: end the sessions of its providers first");
    EXPECT_EQ(run(s, {2}), (std::vector<float>{-5}));
  }
  EXPECT_FALSE(has_provider(kName));
  EXPECT_TRUE(provider_devices().empty());
}

TEST(ProviderLibrary, RefusesLibraries) {
  const auto load = [](const std::string& path, const std::string& name = "other") {
    return error_of([&] { register_provider_library(name, path); });
  };
  EXPECT_EQ(load("/no/such.so"), "library \"/no/such.so\": there is no such file");
  const test::TemporaryDir dir;
  dir.write("text.so", "no library");
  EXPECT_NE(load(dir.path() / "text.so").find("cannot be loaded"), std::string::npos);
  EXPECT_NE(load(path_of("ops")).find("exports no tenon_providers"), std::string::npos);
  EXPECT_NE(load(path_of("ort")).find("onnxruntime's C interface"), std::string::npos);
  EXPECT_NE(load(path_of("future_api")).find("version 2 of tenon/plugin.h, expected 1"), std::string::npos);
  EXPECT_NE(load(path_of("future_abi")).find("another C++ standard library"), std::string::npos);
  EXPECT_NE(load(path_of("broken")).find("there is a provider CPUExecutionProvider already"), std::string::npos);
  EXPECT_NE(load(path_of("provider"), "").find("expected a name"), std::string::npos);
  EXPECT_EQ(error_of([] { unregister_provider_library("other"); }), "no provider library is registered as \"other\"");
  const Library library;
  EXPECT_EQ(load(path_of("provider"), "tests").find("a provider library is registered as \"tests\" already"), 0u)
      << load(path_of("provider"), "tests");
  EXPECT_NE(load(path_of("provider")).find("there is a provider EverythingExecutionProvider already"),
            std::string::npos);
  EXPECT_EQ(provider_devices().size(), 1u);
}

}  // namespace
}  // namespace tenon::ep::library_test
