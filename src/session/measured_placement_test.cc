// Measured placement on simulated devices, where the cheapest answer is known: costs come from tables, not from time.
#include "session/measured_placement.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "onnx/write.h"
#include "ops/op.h"
#include "support/graph_text.h"
#include "support/random_graph.h"
#include "support/temporary_dir.h"

namespace tenon::session::measured_placement_test {
namespace {

using Config = std::map<std::string, std::string>;
using Measured = LoadReport::Placement::Measured;

constexpr const char* kDevice = "TestDeviceExecutionProvider";
constexpr const char* kCpu = "CPUExecutionProvider";

SessionOptions measured(const std::vector<Config>& devices, const Config& config = {}) {
  SessionOptions o;
  o.intra_op_num_threads = 1;
  o.log_severity_level = 4;
  o.graph_optimization_level = OptimizationLevel::kEnableBasic;
  o.config = {{"tenon.placement", "measured"}, {"tenon.placement_budget_ms", "600000"}, {"tenon.verify", "1"}};
  for (const auto& [key, value] : config) o.config[key] = value;
  for (const Config& d : devices) o.providers.push_back({kDevice, d});
  return o;
}

std::string bytes_of(const graph::Graph& g) { return onnx::write_model(g, {.ops = ops::builtin_ops()}); }
std::string bytes_of(std::string_view text) { return bytes_of(*test::parse_graph(text)); }

Session load(const std::string& bytes, const SessionOptions& o) {
  return Session(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), o);
}

Measured report(const Session& s) { return s.load_report().placement().measured.value(); }

const Measured::Candidate& candidate(const Measured& m, const std::string& name) {
  const auto it = std::ranges::find(m.candidates, name, &Measured::Candidate::name);
  if (it == m.candidates.end()) throw std::out_of_range("no candidate " + name);
  return *it;
}

std::map<std::string, std::string> providers_by_op(const Session& s) {
  std::map<std::string, std::string> out;
  for (const auto& n : s.load_report().placement().nodes) out[n.op] = n.provider;
  return out;
}

constexpr const char* kChain = R"(graph (x: float[4,4]) opset 17 {
  w: float[4,4] = {1,2,3,4, 5,6,7,8, 1,2,3,4, 5,6,7,8}
  a = Sin(x) @first
  b = MatMul(a, w) @second
  c = Cos(b) @third
  return c })";

Value input(float v) {
  Value x = Value::tensor(DType::kFloat, Dims{4, 4});
  std::ranges::fill(x.as_mutable<float>(), v);
  return x;
}

TEST(MeasuredPlacement, TinyOpsBehindDearCopiesGoBackToTheCpu) {
  const Session s =
      load(bytes_of(kChain), measured({{{"costs", "*:1us"}, {"host_costs", "*:2us"}, {"copy_cost", "1000:64"}}}));
  const Measured m = report(s);
  EXPECT_EQ(m.source, "measured");
  EXPECT_EQ(m.chosen, std::string("only ") + kCpu);
  EXPECT_DOUBLE_EQ(candidate(m, "priority").us, 2 * 1001 + 3);  // 64 bytes there, 64 back
  EXPECT_DOUBLE_EQ(candidate(m, m.chosen).us, 6);
  for (const auto& [op, provider] : providers_by_op(s)) EXPECT_EQ(provider, kCpu) << op;
  const auto placement = s.load_report().placement();
  EXPECT_TRUE(placement.copies.empty());
  for (const auto& n : placement.nodes)
    EXPECT_EQ(n.why, std::string("measured: 2.0 us here, 1.0 us on ") + kDevice) << n.name;
  ASSERT_EQ(placement.refusals.size(), 3u);
  for (const auto& r : placement.refusals) EXPECT_EQ(r.reason, std::string("measured: 1.0 us here, 2.0 us on ") + kCpu);
  EXPECT_EQ(m.links.size(), 2u);
  EXPECT_NEAR(m.links[0].latency_us, 1000, 0.1);
  EXPECT_NEAR(m.links[0].ns_per_byte, 1000.0 / 64, 0.01);
}

TEST(MeasuredPlacement, TheCutTakesWhatPaysAndLeavesTheRest) {
  for (const char* fuse : {"0", "1"}) {
    for (const char* async : {"0", "1"}) {
      const Config device = {{"costs", "MatMul:10us,*:50us"},
                             {"host_costs", "MatMul:500us,*:1us"},
                             {"copy_cost", "20:1000"},
                             {"fuse", fuse},
                             {"async", async}};
      const Session s = load(bytes_of(kChain), measured({device}));
      const Measured m = report(s);
      EXPECT_EQ(m.chosen, "cut");
      EXPECT_NEAR(candidate(m, "cut").us, 1 + 20.064 + 10 + 20.064 + 1, 1e-6);
      EXPECT_NEAR(candidate(m, "cut").predicted_us, candidate(m, "cut").us, 0.01);
      EXPECT_NEAR(candidate(m, "priority").us, 50 + 10 + 50 + 2 * 20.064, 1e-6);
      EXPECT_NEAR(candidate(m, std::string("only ") + kCpu).us, 502, 1e-6);
      EXPECT_EQ(providers_by_op(s),
                (std::map<std::string, std::string>{{"Sin", kCpu}, {"MatMul", kDevice}, {"Cos", kCpu}}));
      for (const auto& n : s.load_report().placement().nodes)
        if (n.op == "MatMul") {
          EXPECT_EQ(n.why, std::string("measured: 10.0 us here, 500.0 us on ") + kCpu + ", copies 40.1 us");
        }
      const Session cpu = load(bytes_of(kChain), measured({}));
      EXPECT_FALSE(cpu.load_report().placement().measured);  // one provider: nothing to measure
      test::expect_same(s.run({{"x", input(0.5f)}}), cpu.run({{"x", input(0.5f)}}), "cut");
    }
  }
}

/// The time of one given assignment, by the same simulation: every node is pinned, and priority has no choice.
double time_of(const std::string& bytes, const std::vector<Config>& devices, const std::string& pins) {
  return candidate(report(load(bytes, measured(devices, {{"tenon.place_nodes", pins}}))), "priority").us;
}

// Two devices with direct copies and the CPU, every assignment of a small graph run through the whole engine.
TEST(MeasuredPlacement, IsAsFastAsTheBestOfAllAssignmentsRun) {
  test::Rng rng(5);
  const std::vector<std::string> keys = {kDevice, std::string(kDevice) + ":1", kCpu};
  const char* texts[] = {"a = Sin(x) @n0\n b = Cos(a) @n1\n c = Add(a, b) @n2\n d = Tanh(c) @n3\n return d",
                         "a = Sin(x) @n0\n b = Cos(x) @n1\n c = Tanh(x) @n2\n d = Max(a, b, c) @n3\n return d, a",
                         "a = Tanh(x) @n0\n b = Sin(a) @n1\n c = Tanh(b) @n2\n d = Cos(c) @n3\n return d"};
  size_t cuts = 0;
  for (int round = 0; round < 4; ++round) {
    const std::string bytes =
        bytes_of(fmt::format("graph (x: float[8,{}]) opset 17 {{ {} }}", 4 + test::pick(rng, 40), texts[round % 3]));
    std::vector<Config> devices;
    const auto list = [&](int least) {
      std::string out;
      for (const char* op : {"Sin", "Cos", "Tanh", "*"})
        out += fmt::format("{}{}:{}us", out.empty() ? "" : ",", op, least + test::pick(rng, 60));
      return out;
    };
    for (int id = 0; id < 2; ++id)
      devices.push_back({{"device_id", std::to_string(id)},
                         {"costs", list(1)},
                         {"copy_cost", fmt::format("{}:{}", test::pick(rng, 6), 200 + test::pick(rng, 400))},
                         {"peer", std::to_string(round % 2)},
                         {"fuse", std::to_string(test::pick(rng, 2))}});
    devices[0]["host_costs"] = list(20);
    double best = 1e18;
    for (int a = 0; a < 81; ++a) {
      std::string pins;
      for (int n = 0, rest = a; n < 4; ++n, rest /= 3)
        pins += fmt::format("n{}={};", n, keys[static_cast<size_t>(rest % 3)]);
      best = std::min(best, time_of(bytes, devices, pins));
    }
    const Measured m = report(load(bytes, measured(devices)));
    double found = 1e18;
    for (const auto& c : m.candidates) found = std::min(found, c.us);
    EXPECT_NEAR(found, best, 0.02) << "round " << round;  // copies are fitted to a thousandth of a us
    EXPECT_LE(candidate(m, m.chosen).us, best / 0.98);    // noise counts for who comes first
    cuts += m.chosen == "cut";
  }
  EXPECT_GE(cuts, 1u);
}

TEST(MeasuredPlacement, RandomGraphsAreNeverSlowerThanAnyOrder) {
  test::Rng rng(6);
  for (int round = 0; round < 60; ++round) {
    const auto g = test::random_graph(rng, 4 + test::pick(rng, 10));
    const std::string bytes = bytes_of(*g);
    std::vector<Config> devices;
    for (int id = 0; id <= test::pick(rng, 2); ++id)
      devices.push_back({{"device_id", std::to_string(id)},
                         {"share", std::to_string(0.4 + 0.1 * test::pick(rng, 7))},
                         {"seed", std::to_string(rng() % 1000)},
                         {"fuse", std::to_string(test::pick(rng, 2))},
                         {"host_shapes", std::to_string(test::pick(rng, 2))},
                         {"peer", std::to_string(test::pick(rng, 2))},
                         {"costs", fmt::format("Add:{}us,*:{}us", test::pick(rng, 30), test::pick(rng, 30))},
                         {"copy_cost", fmt::format("{}:{}", test::pick(rng, 30), 1 + test::pick(rng, 50))}});
    devices[0]["host_costs"] = fmt::format("Add:{}us,*:{}us", test::pick(rng, 60), test::pick(rng, 60));
    const Session s = load(bytes, measured(devices, {{"tenon.placement_dims", "n:5"}}));
    const Measured m = report(s);
    const double chosen = candidate(m, m.chosen).us;
    for (const auto& c : m.candidates) {
      ASSERT_GE(c.us, 0) << c.name << ": " << c.note;
      ASSERT_LE(chosen, c.us / 0.98 + 1e-9) << "round " << round << ", " << c.name;
    }
    const Session cpu = load(bytes, measured({}));
    std::map<std::string, Value> feeds;
    const std::vector<Value> values = test::feeds_of(rng, 3);
    for (size_t i = 0; i < cpu.inputs().size(); ++i) feeds[cpu.inputs()[i].name] = values[i];
    test::expect_same(s.run(feeds), cpu.run(feeds), fmt::format("round {}", round));
  }
}

TEST(MeasuredPlacement, SizesOfDimensionsDecide) {
  const std::string bytes = bytes_of("graph (x: float[n,4]) opset 17 { y = Sin(x) return y }");
  const Config device = {{"costs", "*:1us"}, {"host_costs", "*:50us"}, {"copy_cost", "1:10"}};
  EXPECT_EQ(providers_by_op(load(bytes, measured({device}))).at("Sin"), kDevice);  // n = 1
  const Session large = load(bytes, measured({device}, {{"tenon.placement_dims", "n:1000"}}));
  EXPECT_EQ(providers_by_op(large).at("Sin"), kCpu);
  EXPECT_NEAR(candidate(report(large), "priority").us, 1 + 2 * (1 + 1600), 1e-6);
  SessionOptions fixed = measured({device});
  fixed.free_dimension_overrides_by_name["n"] = 1000;
  EXPECT_EQ(providers_by_op(load(bytes, fixed)).at("Sin"), kCpu);
}

TEST(MeasuredPlacement, BodiesOfControlFlowAreSolvedToo) {
  const std::string bytes = bytes_of(R"(graph (c: bool[], x: float[4]) opset 17 {
    a = Tanh(x) @outside
    r = If(c) [a] { then_branch (t) { u = Sin(t) @then v = Cos(u) @cos return v }
                    else_branch (e) { w = Sin(e) @else return w } }
    return r })");
  const Config device = {{"costs", "*:1us"}, {"host_costs", "Sin:90us,Cos:1us,*:1us"}, {"copy_cost", "10:1000"}};
  const Session s = load(bytes, measured({device}));
  const Measured m = report(s);
  EXPECT_EQ(m.nodes.size(), 5u) << testing::PrintToString(m.notes);
  for (const auto& n : m.nodes) {
    if (n.op == "Cos") continue;  // as dear here as there
    EXPECT_EQ(n.cut, n.op == "Sin" ? kDevice : kCpu) << n.name;
  }
  Value c = Value::tensor(DType::kBool, Dims{}), x = Value::tensor(DType::kFloat, Dims{4});
  c.as_mutable<bool>()[0] = true;
  std::ranges::fill(x.as_mutable<float>(), 0.25f);
  const Session cpu = load(bytes, measured({}));
  test::expect_same(s.run({{"c", c}, {"x", x}}), cpu.run({{"c", c}, {"x", x}}), "a body on a device");
}

TEST(MeasuredPlacement, NodesThatFailOnRandomInputsAreEstimated) {
  // Indices 0 and 1 go wrong, -5 and -4 are right.
  const std::string bytes = bytes_of(R"(graph (x: float[2,4], i: int64[1]) opset 17 {
    five: int64[1] = {5}
    a = Sin(x)
    k = Add(i, five)
    b = Gather(a, k)
    c = Cos(b)
    return c })");
  const Session s = load(bytes, measured({{{"costs", "*:1us"}, {"host_costs", "*:90us"}, {"copy_cost", "1:1000"}}}));
  const Measured m = report(s);
  for (const auto& c : m.candidates) EXPECT_LT(c.us, 0) << c.name;
  EXPECT_NE(candidate(m, "priority").note.find("Gather"), std::string::npos);
  EXPECT_TRUE(std::ranges::any_of(m.notes, [](const auto& n) { return n.find("the estimate decides") != n.npos; }));
  for (const auto& n : m.nodes)
    for (const auto& c : n.costs) EXPECT_EQ(c.estimated, n.op == "Cos" || n.op == "Gather") << n.op << c.provider;
  Value x = Value::tensor(DType::kFloat, Dims{2, 4}), i = Value::tensor(DType::kInt64, Dims{1});
  std::ranges::fill(x.as_mutable<float>(), 0.f);
  i.as_mutable<int64_t>()[0] = -5;
  EXPECT_EQ(s.run({{"x", x}, {"i", i}})[0].as<float>()[0], 1.f);
}

TEST(MeasuredPlacement, ABrokenDeviceLoses) {
  const Config device = {
      {"costs", "*:1us"}, {"host_costs", "*:90us"}, {"copy_cost", "1:1000"}, {"fault", "kernel"}, {"fuse", "0"}};
  const Session s = load(bytes_of(kChain), measured({device}));
  const Measured m = report(s);
  EXPECT_LT(candidate(m, "priority").us, 0);
  EXPECT_NE(candidate(m, "priority").note.find("fault on demand"), std::string::npos);
  EXPECT_NE(m.chosen, "priority");
  EXPECT_EQ(s.run({{"x", input(0.5f)}}).size(), 1u);
}

TEST(MeasuredPlacement, PinsAndMissingFallbackStillCount) {
  const Config device = {{"costs", "*:1us"}, {"host_costs", "*:2us"}, {"copy_cost", "1000:64"}};
  const Session pinned =
      load(bytes_of(kChain), measured({device}, {{"tenon.place_nodes", std::string("second=") + kDevice}}));
  EXPECT_EQ(providers_by_op(pinned).at("MatMul"), kDevice);
  EXPECT_EQ(report(pinned).chosen, "priority");  // all three there: the copies have to be paid anyway
  const Session alone = load(bytes_of(kChain), measured({device}, {{"session.disable_cpu_ep_fallback", "1"}}));
  for (const auto& [op, provider] : providers_by_op(alone)) EXPECT_EQ(provider, kDevice) << op;
}

TEST(MeasuredPlacement, TheSameModelIsMeasuredOnce) {
  const Config device = {{"costs", "*:3us"}, {"host_costs", "*:4us"}, {"copy_cost", "7:64"}};
  const std::string bytes = bytes_of(kChain);
  EXPECT_EQ(report(load(bytes, measured({device}))).source, "measured");
  const Session again = load(bytes, measured({device}));
  EXPECT_EQ(report(again).source, "cache of the process");
  EXPECT_EQ(report(again).chosen, std::string("only ") + kCpu);
  Config other = device;
  other["costs"] = "*:2us";
  EXPECT_EQ(report(load(bytes, measured({other}))).source, "measured");
  SessionOptions level = measured({device});
  level.graph_optimization_level = OptimizationLevel::kDisableAll;
  EXPECT_EQ(report(load(bytes, level)).source, "measured");
  EXPECT_EQ(report(load(bytes_of("graph (x: float[4,4]) opset 17 { y = Sin(x) return y }"), measured({device}))).source,
            "measured");
}

// Without a simulation: real time, so nothing is asserted about who wins.
TEST(MeasuredPlacement, RealTimeGivesARightModelAndAReport) {
  for (const char* budget : {"1", "2000"}) {
    for (const char* async : {"0", "1"}) {
      SessionOptions o = measured({{{"async", async}}, {{"device_id", "1"}, {"ops", "MatMul"}, {"peer", "1"}}},
                                  {{"tenon.placement_budget_ms", budget}});
      o.graph_optimization_level = OptimizationLevel::kEnableAll;
      const Session s = load(bytes_of(kChain), o);
      const Measured m = report(s);
      EXPECT_NE(m.chosen, "");
      EXPECT_NO_THROW(candidate(m, m.chosen));
      test::expect_same(s.run({{"x", input(1)}}), load(bytes_of(kChain), measured({})).run({{"x", input(1)}}), budget);
      EXPECT_NE(s.load_report().json().find("\"measured\""), std::string::npos);
    }
  }
}

TEST(MeasuredPlacement, WrongOptionsAreRefused) {
  const test::TemporaryDir dir;
  dir.write("file", "");
  const std::string file = (dir.path() / "file").string();
  const auto refused = [&](const Config& config, const Config& device, const std::string& words) {
    try {
      load(bytes_of(kChain), measured({device}, config));
      ADD_FAILURE() << "accepted: " << words;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(std::string(e.what()).find(words), std::string::npos) << e.what();
    }
  };
  refused({{"tenon.placement", "fastest"}}, {}, "tenon.placement: \"fastest\" found, expected priority or measured");
  refused({{"tenon.placement_dims", "batch"}}, {}, "tenon.placement_dims: \"batch\" found");
  refused({{"tenon.placement_dims", "batch:0"}}, {}, "tenon.placement_dims: \"batch:0\" found");
  refused({{"tenon.placement_dims", "batch:4x"}}, {}, "tenon.placement_dims: \"batch:4x\" found");
  refused({{"tenon.placement_dims", "batch:4"}}, {}, "the inputs have no dimension \"batch\"");
  refused({{"tenon.placement_budget_ms", "0"}}, {}, "tenon.placement_budget_ms: 0 found");
  refused({{"tenon.placement_budget_ms", "soon"}}, {}, "tenon.placement_budget_ms");
  refused({{"tenon.cache_dir", file}}, {}, "tenon.cache_dir: \"" + file + "\" found, expected a directory");
  refused({}, {{"costs", "Conv"}}, "provider option costs: \"Conv\" found, expected OP:TIME");
  refused({}, {{"costs", ""}}, "provider option costs: nothing found");
  refused({}, {{"costs", "Conv:2s"}}, "\"2s\" found, expected a time");
  refused({}, {{"host_costs", "Conv:us"}}, "\"us\" found, expected a time");
  refused({}, {{"copy_cost", "5"}}, "provider option copy_cost: \"5\" found, expected LATENCY_US:BYTES_PER_US");
  refused({}, {{"copy_cost", "5:0"}}, "provider option copy_cost");
}

TEST(MeasuredPlacement, LoadingCanBeCancelled) {
  std::atomic<bool> cancel{true};
  SessionOptions o = measured({{{"costs", "*:1us"}}});
  o.load_cancel = &cancel;
  EXPECT_THROW(load(bytes_of(kChain), o), Error);
}

}  // namespace
}  // namespace tenon::session::measured_placement_test
