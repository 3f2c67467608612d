// A provider that prefers channels last: results as on the CPU, as few conversions as possible, refusals go back.
#include "partition/layouts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "ep/layout.h"
#include "support/count_allocations.h"
#include "support/graph_text.h"
#include "support/placed.h"
#include "support/random_graph.h"

namespace tenon::partition::layouts_test {
namespace {

using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::ValueId;
using test::expect_same;
using test::images_of;
using test::pick;
using test::Placed;
using test::random_cnn;
using test::Rng;

bool converts(const Graph& g, NodeId n) { return n != kNone && g.node(n).def == &ep::kConvertLayout; }

size_t conversions(const Graph& g) {
  size_t count = 0;
  for (NodeId n = 0; n < g.node_limit(); ++n) {
    if (!g.node(n).alive) continue;
    count += converts(g, n);
    if (g.node(n).body) count += conversions(*g.node(n).body);
  }
  return count;
}

size_t chained(const Graph& g) {
  size_t count = 0;
  for (NodeId n : g.region().nodes)
    if (converts(g, n) && converts(g, g.producer(g.node(n).inputs[0]))) ++count;
  return count;
}

/// The fewest conversions over every choice for the nodes that run in either layout; nullopt when there are too many.
std::optional<size_t> fewest(const Graph& g) {
  std::map<NodeId, ep::LayoutFit> fits;
  std::vector<NodeId> free;
  for (NodeId n : g.region().nodes) {
    const ep::LayoutFit fit = ep::default_layout_fit(g, n);
    if (fit.use == ep::LayoutFit::kPlain) continue;
    fits[n] = fit;
    if (fit.use == ep::LayoutFit::kEither) free.push_back(n);
  }
  if (free.size() > 10) return std::nullopt;
  size_t best = SIZE_MAX;
  for (uint32_t choice = 0; choice < 1u << free.size(); ++choice) {
    const auto last = [&](NodeId n, bool result, uint32_t i) {
      const auto fit = fits.find(n);
      if (fit == fits.end() || ((result ? fit->second.results : fit->second.operands) >> i & 1) == 0) return false;
      if (fit->second.use == ep::LayoutFit::kWanted) return true;
      return (choice >> (std::ranges::find(free, n) - free.begin()) & 1) != 0;
    };
    size_t count = 0;
    for (ValueId v = 0; v < g.value_limit(); ++v) {
      const graph::ValueInfo& info = g.value(v);
      if (g.is_constant(v)) continue;
      const NodeId made = g.producer(v);
      const bool have = made != kNone && last(made, true, info.index);
      bool other = have && g.pinned(v);
      for (const graph::Use& u : info.uses) other |= last(u.node, false, u.index) != have;
      count += other;
    }
    best = std::min(best, count);
  }
  return best;
}

std::map<std::string, std::string> random_device(Rng& rng, bool whole) {
  std::map<std::string, std::string> o = {{"layout", "NHWC"}, {"fuse", std::to_string(pick(rng, 2))}};
  if (whole) return o;
  if (pick(rng, 2)) o["share"] = "0.7";
  o["seed"] = std::to_string(rng() % 1000);
  if (pick(rng, 3) == 0) o["except"] = "Relu,Add,Concat";
  if (pick(rng, 3) == 0) o["layout_except"] = pick(rng, 2) ? "Conv" : "MaxPool,Mul,GlobalAveragePool";
  if (pick(rng, 8) == 0) o["async"] = "1";
  return o;
}

TEST(Layouts, RandomCnnsGiveTheResultsOfTheCpuWithTheFewestConversions) {
  Rng rng(11);
  const int rounds = test::counts_allocations() ? 1500 : 100;  // sanitizers are slow
  int compared = 0, converted = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto g = random_cnn(rng, 3 + pick(rng, 14));
    const bool whole = pick(rng, 2) != 0;
    Placed cpu(g->clone(), {});
    Placed placed(g->clone(), {random_device(rng, whole)});
    for (int64_t n : {2, 1, 2}) {
      const std::vector<Value> feeds = images_of(rng, n), want = cpu.run(feeds);
      expect_same(placed.run(feeds), want, fmt::format("round {}, batch {}", round, n));
      if (testing::Test::HasFatalFailure()) return;
      if (round % 8) break;
    }
    size_t model_nodes = 0;
    for (const auto& [key, n] : placed.placement.counts) model_nodes += n;
    ASSERT_EQ(model_nodes, g->live_nodes());
    ASSERT_EQ(chained(*placed.graph), 0u) << "round " << round;
    for (NodeId n = 0; n < placed.graph->node_limit(); ++n) {
      if (placed.graph->node(n).alive && placed.graph->node(n).body) {
        ASSERT_EQ(chained(*placed.graph->node(n).body), 0u) << "round " << round;
      }
    }
    converted += conversions(*placed.graph) > 0;
    if (!whole) continue;
    const std::optional<size_t> least = fewest(*g);
    if (!least) continue;
    ASSERT_EQ(conversions(*placed.graph), *least) << "round " << round;
    ++compared;
  }
  EXPECT_GT(compared, rounds / 4);
  EXPECT_GT(converted, rounds / 2);
}

std::unique_ptr<Graph> chain() {
  return test::parse_graph(R"(graph (x: float[1,2,4,4]) opset 17 {
    w: float[2,2,1,1] = {1, 2, 3, -4}
    s: float[1,2,1,1] = {0.5, -0.5}
    a = Conv(x, w) @first
    b = Relu(a) @act
    c = Mul(b, s) @scale
    d = Conv(c, w) @second
    e = Softmax(d) @end
    return e })");
}

TEST(Layouts, ElementwiseNodesBetweenConvolutionsNeedNoConversion) {
  Placed placed(chain(), {{{"layout", "NHWC"}, {"fuse", "0"}}});
  EXPECT_EQ(conversions(*placed.graph), 2u);
  EXPECT_EQ(summary(placed.placement).substr(summary(placed.placement).rfind(", 2")), ", 2 layout changes");
  for (const char* name : {"a", "b", "c", "d"})
    EXPECT_EQ(placed.graph->type(placed.graph->find_value(name)).layout, Layout::kNhwc) << name;
  EXPECT_EQ(placed.graph->type(placed.graph->find_value("e")).layout, Layout::kPlain);
}

TEST(Layouts, WhatIsRefusedInTheNewFormGoesBack) {
  Placed placed(chain(), {{{"layout", "NHWC"}, {"fuse", "0"}, {"layout_except", "Mul"}}});
  EXPECT_EQ(conversions(*placed.graph), 4u);
  const Graph& g = *placed.graph;
  EXPECT_EQ(g.type(g.find_value("c")).layout, Layout::kPlain);
  EXPECT_EQ(g.node(g.producer(g.find_value("c"))).provider, "Test1");
  Placed none(chain(), {{{"layout", "NHWC"}, {"fuse", "0"}, {"layout_except", "Conv"}}});
  EXPECT_EQ(conversions(*none.graph), 0u);
}

TEST(Layouts, AGroupThatCannotBeCompiledLeavesNoTrace) {
  Rng rng(12);
  for (int round = 0; round < 30; ++round) {
    const auto g = random_cnn(rng, 8);
    const std::vector<Value> feeds = images_of(rng, 1), want = Placed(g->clone(), {}).run(feeds);
    Placed placed(g->clone(), {{{"layout", "NHWC"}, {"fault", "compile"}}, {{"device_id", "1"}, {"layout", "NHWC"}}});
    expect_same(placed.run(feeds), want, fmt::format("round {}", round));
    EXPECT_EQ(placed.placement.counts[0].second, 0u);
  }
}

TEST(Layouts, TwoProvidersWithLayoutsOfTheirOwn) {
  Rng rng(13);
  for (int round = 0; round < 60; ++round) {
    const auto g = random_cnn(rng, 10);
    const std::vector<Value> feeds = images_of(rng, 2), want = Placed(g->clone(), {}).run(feeds);
    Placed placed(g->clone(), {{{"layout", "NHWC"}, {"share", "0.5"}, {"seed", std::to_string(round)}},
                               {{"device_id", "1"}, {"layout", round % 2 ? "NHWC" : "NCHW"}, {"share", "0.8"}}});
    expect_same(placed.run(feeds), want, fmt::format("round {}", round));
  }
}

TEST(Layouts, ConversionIsATranspositionOfChannelsAndPixels) {
  const Dims dims = {2, 3, 2, 2};
  const Value plain = Value::tensor(DType::kUint8, dims), last = Value::tensor(DType::kUint8, dims);
  auto* p = static_cast<uint8_t*>(const_cast<void*>(plain.data()));
  for (int i = 0; i < 24; ++i) p[i] = static_cast<uint8_t>(i);
  const auto ref = [&](const Value& v) {
    return ops::TensorRef{const_cast<void*>(v.data()), dims.data(), 4, DType::kUint8, 24};
  };
  ep::convert_layout(ref(plain), Layout::kPlain, ref(last), Layout::kNhwc, {});
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t s = 0; s < 4; ++s)
        ASSERT_EQ(last.as<uint8_t>()[static_cast<size_t>((n * 4 + s) * 3 + c)], (n * 3 + c) * 4 + s);
  const Value again = Value::tensor(DType::kUint8, dims);
  ep::convert_layout(ref(last), Layout::kNhwc, ref(again), Layout::kPlain, {});
  EXPECT_EQ(std::memcmp(again.data(), plain.data(), 24), 0);
}

}  // namespace
}  // namespace tenon::partition::layouts_test
