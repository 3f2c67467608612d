// Random graphs on random providers: who gets what, groups, copies, and results equal to the CPU's.
#include "partition/partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <set>

#include "base/error.h"
#include "ep/cpu/cpu.h"
#include "ep/registry.h"
#include "ops/infer_types.h"
#include "ops/op.h"
#include "partition/group_op.h"
#include "partition/groups.h"
#include "support/count_allocations.h"
#include "support/graph_text.h"
#include "support/placed.h"
#include "support/random_graph.h"

namespace tenon::partition::partition_test {
namespace {

using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::ValueId;
using test::expect_same;
using test::feeds_of;
using test::pick;
using test::Placed;
using test::random_graph;
using test::Rng;

/// Plain reachability, for the properties that convex_groups promises.
bool reaches_through_outside(const Graph& g, const std::set<NodeId>& from, const std::set<NodeId>& to,
                             const std::set<NodeId>& inside) {
  std::set<NodeId> seen;
  std::vector<NodeId> open;
  const auto follow = [&](NodeId n) {
    for (ValueId v : g.node(n).outputs)
      if (v != kNone)
        for (const graph::Use& u : g.value(v).uses)
          if (seen.insert(u.node).second) open.push_back(u.node);
  };
  for (NodeId n : from)
    for (ValueId v : g.node(n).outputs)
      if (v != kNone)
        for (const graph::Use& u : g.value(v).uses)
          if (!inside.contains(u.node) && seen.insert(u.node).second) open.push_back(u.node);
  while (!open.empty()) {
    const NodeId n = open.back();
    open.pop_back();
    if (to.contains(n)) return true;
    follow(n);
  }
  return false;
}

TEST(Groups, AreConvexAndMaximalOnRandomGraphs) {
  Rng rng(1);
  for (int round = 0; round < 10'000; ++round) {
    const auto g = random_graph(rng, 4 + pick(rng, 14));
    std::unordered_set<NodeId> members;
    for (NodeId n : g->region().nodes)
      if (pick(rng, 100) < 60) members.insert(n);
    const auto groups = convex_groups(*g, 0, members);
    size_t covered = 0;
    std::vector<std::set<NodeId>> sets;
    for (const auto& group : groups) {
      covered += group.size();
      sets.emplace_back(group.begin(), group.end());
      ASSERT_FALSE(group.empty());
      for (NodeId n : group) ASSERT_TRUE(members.contains(n));
      ASSERT_FALSE(reaches_through_outside(*g, sets.back(), sets.back(), sets.back())) << "round " << round;
    }
    ASSERT_EQ(covered, members.size());
    for (size_t i = 0; i < sets.size(); ++i) {
      for (size_t j = i + 1; j < sets.size(); ++j) {
        std::set<NodeId> both = sets[i];
        both.insert(sets[j].begin(), sets[j].end());
        ASSERT_TRUE(reaches_through_outside(*g, both, both, both)) << "two groups could be one, round " << round;
      }
    }
  }
}

/// True when no way along the edges between groups comes back to where it began.
bool acyclic_when_contracted(const Graph& g, const std::vector<std::vector<NodeId>>& groups) {
  std::map<NodeId, NodeId> stands_for;
  for (NodeId n : g.region().nodes) stands_for[n] = n;
  for (const auto& group : groups)
    for (NodeId n : group) stands_for[n] = group[0];
  std::set<std::pair<NodeId, NodeId>> edges;
  for (NodeId n : g.region().nodes)
    for (ValueId v : g.node(n).outputs)
      if (v != kNone)
        for (const graph::Use& u : g.value(v).uses)
          if (stands_for[n] != stands_for[u.node]) edges.emplace(stands_for[n], stands_for[u.node]);
  while (!edges.empty()) {  // take away what nobody leads to
    std::set<NodeId> heads;
    for (const auto& [from, to] : edges) heads.insert(to);
    if (!std::erase_if(edges, [&](const auto& e) { return !heads.contains(e.first); })) return false;
  }
  return true;
}

TEST(Groups, OfSeveralClaimsCanAllBeContracted) {
  Rng rng(2);
  int split = 0;
  for (int round = 0; round < 3'000; ++round) {
    const auto g = random_graph(rng, 4 + pick(rng, 14));
    std::vector<std::unordered_set<NodeId>> claims(2 + static_cast<size_t>(pick(rng, 2)));
    for (NodeId n : g->region().nodes)
      if (pick(rng, 100) < 80) claims[static_cast<size_t>(pick(rng, static_cast<int>(claims.size())))].insert(n);
    std::vector<std::vector<NodeId>> formed;
    for (const auto& members : claims) {
      const auto alone = convex_groups(*g, 0, members), groups = convex_groups(*g, 0, members, formed);
      size_t covered = 0;
      for (const auto& group : groups) covered += group.size();
      ASSERT_EQ(covered, members.size());
      ASSERT_GE(groups.size(), alone.size());
      split += groups.size() > alone.size();
      formed.insert(formed.end(), groups.begin(), groups.end());
      ASSERT_TRUE(acyclic_when_contracted(*g, formed)) << "round " << round;
    }
  }
  EXPECT_GT(split, 0) << "no round where it mattered";
}

/// Every (value, memory) pair that needs a copy, counted without looking at what the partitioner did.
size_t copies_needed(const Graph& g) {
  std::set<std::pair<ValueId, int>> pairs;
  const auto origin = [&](ValueId v) {
    while (g.producer(v) != kNone && g.node(g.producer(v)).def == &kCopyOp) v = g.node(g.producer(v)).inputs[0];
    return v;
  };
  for (NodeId n : g.region().nodes) {
    if (g.node(n).def == &kCopyOp) continue;
    for (ValueId v : g.node(n).inputs) {
      if (v == kNone || g.is_constant(v)) continue;
      const ValueId from = origin(v);
      if (!(g.type(from).device == g.type(v).device))
        pairs.insert({from, g.type(v).device.id + 1000 * static_cast<int>(g.type(v).device.type)});
    }
  }
  for (ValueId v : g.region().results)
    if (!(g.type(origin(v)).device == Device{})) pairs.insert({origin(v), 0});
  return pairs.size();
}

std::map<std::string, std::string> random_device(Rng& rng, int id) {
  std::map<std::string, std::string> o = {{"device_id", std::to_string(id)},
                                          {"share", std::to_string(0.2 + 0.1 * pick(rng, 9))},
                                          {"seed", std::to_string(rng() % 1000)},
                                          {"fuse", std::to_string(pick(rng, 2))},
                                          {"host_shapes", std::to_string(pick(rng, 2))},
                                          {"peer", "1"}};
  if (pick(rng, 12) == 0) {
    o["async"] = "1";
    o["max_delay_us"] = std::to_string(pick(rng, 3) * 20);
  }
  return o;
}

TEST(Placement, RandomGraphsGiveTheResultsOfTheCpu) {
  Rng rng(2);
  const int rounds = test::counts_allocations() ? 10'000 : 500;  // sanitizers are slow
  for (int round = 0; round < rounds; ++round) {
    auto g = random_graph(rng, 4 + pick(rng, 12));
    Placed cpu(g->clone(), {});
    std::vector<std::map<std::string, std::string>> devices;
    for (int d = 0; d <= pick(rng, 2); ++d) devices.push_back(random_device(rng, d));
    Placed placed(g->clone(), devices);
    size_t model_nodes = 0;
    for (const auto& [key, n] : placed.placement.counts) model_nodes += n;
    ASSERT_EQ(model_nodes, g->live_nodes());
    ASSERT_EQ(placed.placement.copies.size(), copies_needed(*placed.graph)) << "round " << round;
    for (int64_t n : {3, 1, 3}) {
      const std::vector<Value> feeds = feeds_of(rng, n);
      const std::vector<Value> want = cpu.run(feeds);
      expect_same(placed.run(feeds), want, fmt::format("round {}, dims {}", round, n));
      if (round % 8) break;  // the others: a cached path, and back to it
    }
  }
}

TEST(Placement, LanesGiveTheResultsOfTheCpu) {
  Rng rng(5);
  ThreadPool pool({.threads = 2});
  exec::RunContext context;
  context.lane_pool = &pool;
  context.lanes = 2;
  context.lanes_always = true;
  const int rounds = test::counts_allocations() ? 600 : 60;
  for (int round = 0; round < rounds; ++round) {
    auto g = random_graph(rng, 8 + pick(rng, 16));
    Placed cpu(g->clone(), {});
    std::vector<std::map<std::string, std::string>> devices;
    for (int d = 0; d <= pick(rng, 2); ++d) {
      devices.push_back(random_device(rng, d));
      devices.back()["async"] = std::to_string(pick(rng, 2));
      devices.back()["fuse"] = "0";
    }
    Placed placed(g->clone(), devices);
    for (int64_t n : {3, 3, 3, 3, 1, 3}) {  // trace, costs, whole, lanes, another shape, lanes
      const std::vector<Value> feeds = feeds_of(rng, n);
      const std::vector<Value> want = cpu.run(feeds);
      expect_same(placed.run(feeds, context), want, fmt::format("round {}, dims {}", round, n));
    }
  }
}

TEST(Placement, FaultsLeaveAWorkingSessionOrAClearError) {
  Rng rng(3);
  size_t failed = 0, survived = 0;
  for (const char* site : {"capability", "compile", "kernel", "copy", "alloc", "run_start", "sync"}) {
    for (int round = 0; round < 40; ++round) {
      auto g = random_graph(rng, 10);
      const std::vector<Value> feeds = feeds_of(rng, 2);
      const std::vector<Value> want = Placed(g->clone(), {}).run(feeds);
      auto options = random_device(rng, 0);
      options["fault"] = fmt::format("{}:{}", site, 1 + pick(rng, 4));
      options["async"] = std::to_string(pick(rng, 2));
      std::unique_ptr<Placed> placed;
      try {
        placed = std::make_unique<Placed>(g->clone(), std::vector{options});
      } catch (const Error& e) {
        ASSERT_NE(std::string(e.what()), "");
        ++failed;
        continue;
      }
      for (int run = 0; run < 3; ++run) {  // the fault comes once; the frame must work again after it
        try {
          expect_same(placed->run(feeds), want, fmt::format("{} round {} run {}", site, round, run));
          ++survived;
        } catch (const Error& e) {
          placed->frame->reset();
          ASSERT_TRUE(std::string(e.what()).find("fault on demand") != std::string::npos ||
                      e.reason() == ErrorReason::kOutOfMemory)
              << site << ": " << e.what();
          ++failed;
        }
      }
    }
  }
  EXPECT_GT(failed, 50u);
  EXPECT_GT(survived, 400u);
}

TEST(Placement, HostAccessToDeviceMemoryCrashes) {
  auto device = ep::make_provider("TestDeviceExecutionProvider", {});
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // other tests have left pools behind
  auto* p = static_cast<char*>(device->allocator()->alloc(64, 64, nullptr));
  EXPECT_DEATH(*p = 1, "");
  device->allocator()->free(p);
}

TEST(Placement, WhatCannotBeCompiledGoesToTheNextProvider) {
  Rng rng(4);
  auto g = random_graph(rng, 8);
  const std::vector<Value> feeds = feeds_of(rng, 2);
  const std::vector<Value> want = Placed(g->clone(), {}).run(feeds);
  Placed placed(g->clone(), {{{"fault", "compile"}}, {{"device_id", "1"}, {"ops", "Add,Max"}}});
  expect_same(placed.run(feeds), want, "after a failed compilation");
  EXPECT_EQ(placed.placement.counts[0].second, 0u);
  bool reason = false;
  for (const auto& [who, why] : placed.placement.refused) reason |= why.find("could not be compiled: ") == 0;
  EXPECT_TRUE(reason);
}

TEST(Placement, WishesOfTheUser) {
  const auto graph = [] {
    return test::parse_graph(R"(graph (x: float[4]) opset 17 {
      a = Neg(x) @first
      b = Abs(a) @second
      return b })");
  };
  Wishes wishes;
  Placement p;
  const auto device = ep::make_provider("TestDeviceExecutionProvider", {});
  const auto cpu = ep::make_provider("CPUExecutionProvider", {});
  p.providers = {{"Test", device.get()}, {"CPU", cpu.get()}};
  auto g = graph();
  const std::string first = g->node(g->region().nodes[0]).name;
  wishes.pinned[first] = "CPU";
  assign(*g, p, wishes);
  EXPECT_EQ(g->node(g->region().nodes[0]).provider, "CPU");
  EXPECT_EQ(g->node(g->region().nodes[1]).provider, "Test");
  wishes.cpu_fallback = false;
  EXPECT_THROW(lower(*g, p, wishes, {}), Error);
  wishes.pinned[first] = "Nobody";
  EXPECT_THROW(assign(*g, p, wishes), Error);
}

TEST(Placement, SummaryCountsNodesGroupsAndCopies) {
  auto g = test::parse_graph(R"(graph (x: float[250000]) opset 17 {
    a = Neg(x)
    b = Abs(a)
    c = Softmax(b)
    d = Neg(c)
    return d })");
  Placed placed(std::move(g), {{{"ops", "Neg,Abs"}}});
  EXPECT_EQ(summary(placed.placement), "Test1: 3 of 4 nodes in 2 groups, 4 copies, 4.0 MB");
}

}  // namespace
}  // namespace tenon::partition::partition_test
