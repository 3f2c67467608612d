// Lanes: schedules keep every order, packing keeps buffers apart, results are the sequential ones to the bit.
#include "exec/lanes.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "exec/frame.h"
#include "memory/arena.h"
#include "support/program.h"
#include "support/random_graph.h"

namespace tenon::exec::lanes_test {
namespace {

using test::pick;
using test::Rng;

TEST(Lanes, ScheduleOfFourBranchesIsTwiceAsShort) {
  const test::RunnableGraph g(R"(graph (x: float[8]) opset 17 {
    a1 = Tanh(x)
    a2 = Tanh(a1)
    b1 = Sin(x)
    b2 = Sin(b1)
    c1 = Cos(x)
    c2 = Cos(c1)
    d1 = Exp(x)
    d2 = Exp(d1)
    return a2, b2, c2, d2 })");
  Segment s;
  s.end = 8;
  for (const plan::Step& step : g.plan().steps) s.shapes.emplace_back().slot = g.plan().outputs(step)[0];
  const std::vector<double> cost(8, 1e6);
  const LaneSchedule two = list_schedule(s, g.plan(), cost, 2);
  EXPECT_DOUBLE_EQ(two.makespan_ns, 4e6);
  EXPECT_EQ(two.lanes[0].size(), 4u);
  EXPECT_DOUBLE_EQ(list_schedule(s, g.plan(), cost, 1).makespan_ns, 8e6);
  EXPECT_LT(list_schedule(s, g.plan(), cost, 4).makespan_ns, 2.1e6);
}

TEST(Lanes, RandomGraphsGiveTheSameBits) {
  Rng rng(11);
  ThreadPool pools[] = {ThreadPool({.threads = 1}), ThreadPool({.threads = 2}), ThreadPool({.threads = 4})};
  for (int round = 0; round < 400; ++round) {
    std::shared_ptr<const graph::Graph> g = test::random_graph(rng, 6 + pick(rng, 30));
    const auto plan = plan::make_plan(g, {.isa = active_isa()});
    Program program(*plan);
    const auto arena = std::make_shared<memory::Arena>();
    Frame sequential(program, arena), parallel(program, arena);
    RunContext context;
    context.lane_pool = &pools[pick(rng, 3)];
    context.lanes = 2 + pick(rng, 3);
    context.lanes_always = true;
    const auto run = [&](Frame& f, const std::vector<Value>& feeds, const RunContext& c) {
      for (size_t i = 0; i < feeds.size(); ++i) f.bind(i, feeds[i]);
      f.run(c);
      std::vector<Value> out;
      for (size_t i = 0; i < plan->results.size(); ++i) out.push_back(f.take_value(i));
      f.reset();
      return out;
    };
    for (int k = 0; k < 6; ++k) {  // trace, costs, whole, lanes, lanes, lanes
      const auto feeds = test::feeds_of(rng, k == 4 ? 7 : 5);
      const auto want = run(sequential, feeds, {});
      test::expect_same(run(parallel, feeds, context), want, fmt::format("round {}, run {}", round, k));
    }
  }
}

TEST(Lanes, MemoryOfTheOtherWayGoes) {
  test::RunnableGraph g(R"(graph (x: float[n]) opset 17 {
    a1 = Tanh(x)
    a2 = Sin(a1)
    a3 = Tanh(a2)
    b1 = Sin(x)
    b2 = Tanh(b1)
    b3 = Sin(b2)
    y = Add(a3, b3)
    return y })");
  ThreadPool pool({.threads = 2});
  RunContext lanes;
  lanes.lane_pool = &pool;
  lanes.lanes = 2;
  lanes.lanes_always = true;
  Value x = Value::tensor(DType::kFloat, Dims{1 << 20});
  for (float& v : x.as_mutable<float>()) v = 0.5f;
  const auto after = [&](const RunContext& c, int runs) {
    for (int k = 0; k < runs; ++k) g.run({x}, c);
    return g.arena().stats().requested_in_use;
  };
  const int64_t sequential = after({}, 3);
  EXPECT_GT(sequential, int64_t{4} << 20);
  after(lanes, 12);
  const int64_t both = after(lanes, 1);
  EXPECT_LT(both, sequential * 3 / 2) << "the slab for the other way is still there";
  EXPECT_LE(after({}, 12), sequential) << "and the reverse";
}

TEST(Lanes, AnErrorEndsTheRunAndLeavesTheFrameUsable) {
  test::RunnableGraph g(R"(graph (x: float[4], i: int64[1]) opset 17 {
    a = Tanh(x)
    b = Sin(x)
    c = Gather<axis=0>(x, i)
    d = Cos(x)
    e = Add(a, b)
    f = Add(d, c)
    return e, f })");
  ThreadPool pool({.threads = 2});
  RunContext context;
  context.lane_pool = &pool;
  context.lanes = 2;
  context.lanes_always = true;
  const Value x = test::tensor_of<float>({4}, {1, 2, 3, 4});
  for (int k = 0; k < 8; ++k) {
    const auto good = g.run({x, test::tensor_of<int64_t>({1}, {2})}, context);
    EXPECT_FLOAT_EQ(good[1].as<float>()[0], std::cos(1.f) + 3);
    EXPECT_THROW(g.run({x, test::tensor_of<int64_t>({1}, {9})}, context), Error);
  }
}

// One long lane and one short one: a thread goes to sleep again and again while the other one's last steps end.
TEST(Lanes, NobodySleepsThroughTheEnd) {
  constexpr int kSteps = 60;
  std::string text = "graph (x: float[512]) opset 17 {\n s0 = Neg(x)\n s1 = Neg(s0)\n l0 = Sin(x)\n";
  for (int k = 1; k < kSteps; ++k) text += fmt::format(" l{} = Neg(l{})\n", k, k - 1);
  test::RunnableGraph g(text + fmt::format(" return s1, l{} }}", kSteps - 1));
  ThreadPool pool({.threads = 2});
  RunContext context;
  context.lane_pool = &pool;
  context.lanes = 2;
  context.lanes_always = true;
  const Value x = Value::tensor(DType::kFloat, Dims{512});
  for (int k = 0; k < 30000; ++k) g.run({x}, context);
}

}  // namespace
}  // namespace tenon::exec::lanes_test
