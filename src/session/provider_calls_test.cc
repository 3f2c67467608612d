// Runs seen by providers: run_start and run_end in pairs, dynamic options while runs go on, events in the trace.
#include "session/provider_calls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/error.h"
#include "support/onnx_builder.h"
#include "support/temporary_dir.h"
#include "tenon/session.h"

namespace tenon::session::provider_calls_test {
namespace {

using Options = std::map<std::string, std::string>;

struct Counting final : ep::Provider {
  Counting(std::string n, bool fails_start, bool fails_end)
      : called(std::move(n)), start(fails_start), end(fails_end) {}
  std::string_view name() const override { return called; }
  ep::Capability capability(const ep::GraphView&) override { return {}; }
  std::vector<std::unique_ptr<const ep::Executable>> compile(std::span<const ep::Subgraph>,
                                                             const ep::CompileContext&) override {
    return {};
  }
  void run_start() override {
    if (start) throw Error(ErrorCode::kEpFail, "no start");
    ++open;
  }
  void run_end() override {
    --open;
    if (end) throw std::runtime_error("no end");
  }
  std::string called;
  bool start, end;
  int open = 0;
};

struct Calls : testing::Test {
  Counting& add(const char* name, bool fails_start, bool fails_end) {
    auto p = std::make_unique<Counting>(name, fails_start, fails_end);
    Counting& r = *p;
    providers.push_back(std::move(p));
    return r;
  }
  std::string error_of_run(bool run_fails = false) {
    try {
      ProviderCalls calls(providers, log);
      if (run_fails) fail("the run failed");
      calls.finish();
    } catch (const std::exception& e) {
      return e.what();
    }
    return "";
  }
  std::vector<std::unique_ptr<ep::Provider>> providers;
  std::string logged;
  Logger log{"test", Severity::kWarning,
             [this](Severity, std::string_view, std::string_view text) { logged += std::string(text) + "\n"; }};
};

TEST_F(Calls, RunEndComesAlsoWhenALaterRunStartFails) {
  Counting &a = add("A", false, false), &b = add("B", true, false), &c = add("C", false, false);
  EXPECT_EQ(error_of_run(), "B, run_start: no start");
  EXPECT_EQ(a.open, 0);
  EXPECT_EQ(b.open, 0);
  EXPECT_EQ(c.open, 0);
}

TEST_F(Calls, ErrorsOfRunEndAreNotLost) {
  Counting &a = add("A", false, true), &b = add("B", false, true);
  EXPECT_EQ(error_of_run(), "A, run_end: no end");
  EXPECT_EQ(logged, "after a failed run: B, run_end: no end\n");
  EXPECT_EQ(a.open + b.open, 0);
  logged.clear();
  EXPECT_EQ(error_of_run(true), "the run failed");
  EXPECT_NE(logged.find("A, run_end: no end\n"), std::string::npos);
  EXPECT_NE(logged.find("B, run_end: no end\n"), std::string::npos);
  EXPECT_EQ(a.open + b.open, 0);
}

std::string neg_abs() {
  using namespace test;
  return small_model({node("Neg", {"x"}, {"a"}, {}, "first"), node("Abs", {"a"}, {"y"}, {}, "second")});
}

Session session(const Options& device, SessionOptions o = {}) {
  o.providers = {{"TestDeviceExecutionProvider", device}};
  o.log_sink = [](int, std::string_view, std::string_view) {};
  const std::string bytes = neg_abs();
  return Session({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, o);
}

Value two_floats() {
  Value x = Value::tensor(DType::kFloat, Dims{2});
  x.as_mutable<float>()[0] = 3;
  x.as_mutable<float>()[1] = -4;
  return x;
}

TEST(ProviderCallsInRuns, AFailedRunEndFailsTheRunAndTheNextOneWorks) {
  const Session s = session({{"fault", "run_end:2"}});
  const Value x = two_floats();
  EXPECT_EQ(s.run({{"x", x}})[0].as<float>()[1], 4);
  try {
    s.run({{"x", x}});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "TestDeviceExecutionProvider, run_end: test device 0: fault on demand in run_end");
  }
  EXPECT_EQ(s.run({{"x", x}})[0].as<float>()[1], 4);
}

std::string error_of(const Session& s, const Options& options) {
  try {
    s.set_ep_dynamic_options(options);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    return e.what();
  }
  return "";
}

TEST(DynamicOptions, UnknownKeysAndWrongValuesNameTheProvider) {
  const Session s = session({});
  EXPECT_EQ(error_of(s, {{"delay_us", "1"}, {"ep.dynamic.workload_type", "Efficient"}}), "");
  EXPECT_EQ(error_of(s, {{"delay", "1"}}),
            "dynamic option \"delay\": no provider of the session knows it; known: TestDeviceExecutionProvider: "
            "delay_us; CPUExecutionProvider: none");
  EXPECT_NE(error_of(s, {{"delay_us", "soon"}}).find("TestDeviceExecutionProvider, dynamic options: "),
            std::string::npos);
}

TEST(ProviderOptions, StandInTheConfigurationToo) {
  SessionOptions o;
  o.config = {{"ep.testdeviceexecutionprovider.delay_us", "7"}, {"ep.testdeviceexecutionprovider.fuse", "0"}};
  const Session s = session({{"fuse", "1"}}, o);
  const Options want = {{"delay_us", "7"}, {"fuse", "1"}};
  EXPECT_EQ(s.provider_options().at("TestDeviceExecutionProvider"), want);
}

TEST(DynamicOptions, ChangeWhileRunsGoOn) {
  for (const char* async : {"0", "1"}) {
    const Session s = session({{"async", async}});
    const Value x = two_floats();
    std::atomic<bool> stop{false};
    std::atomic<int> runs{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&] {
        while (!stop) {
          EXPECT_EQ(s.run({{"x", x}})[0].as<float>()[0], 3);
          ++runs;
        }
      });
    for (int k = 0; k < 50; ++k) {
      s.set_ep_dynamic_options({{"delay_us", std::to_string(k % 3 * 100)}});
      std::this_thread::yield();
    }
    s.set_ep_dynamic_options({{"delay_us", "30000"}});
    stop = true;
    for (std::thread& t : threads) t.join();
    EXPECT_GT(runs, 0);
    const auto begin = std::chrono::steady_clock::now();
    s.run({{"x", x}});
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(30));
  }
}

std::vector<nlohmann::json> events(Session& s, const char* category) {
  std::ifstream in(s.end_profiling());
  std::vector<nlohmann::json> out;
  for (const auto& e : nlohmann::json::parse(in))
    if (e.at("cat") == category) out.push_back(e);
  return out;
}

TEST(Tracing, EventsOfTheDeviceStandInTheTrace) {
  const test::TemporaryDir dir;
  for (const char* async : {"0", "1"}) {
    SessionOptions o;
    o.enable_profiling = true;
    o.profile_file_prefix = (dir.path() / "trace").string() + async;
    Session s = session({{"async", async}, {"fuse", "0"}, {"delay_us", "2000"}}, o);
    const Value x = two_floats();
    s.run({{"x", x}});
    s.run({{"x", x}});
    const std::vector<nlohmann::json> found = events(s, "Kernel");
    ASSERT_EQ(found.size(), 4u);
    std::set<std::string> names;
    int64_t end = 0;
    for (const auto& e : found) {
      names.insert(e.at("name").get<std::string>());
      EXPECT_EQ(e.at("ph"), "X");
      EXPECT_EQ(e.at("args").at("provider"), "TestDeviceExecutionProvider");
      EXPECT_EQ(e.at("args").at("stream") == "0", async[0] == '0');
      EXPECT_GE(e.at("dur").get<int64_t>(), 2000);
      EXPECT_GE(e.at("ts").get<int64_t>(), end);
      end = e.at("ts").get<int64_t>() + e.at("dur").get<int64_t>() - 1;
    }
    EXPECT_EQ(names, (std::set<std::string>{"first", "second"}));
  }
}

}  // namespace
}  // namespace tenon::session::provider_calls_test
