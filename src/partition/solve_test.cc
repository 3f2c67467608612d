// The solver against every assignment of small tables, and its methods against each other on larger ones.
#include "partition/solve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "partition/frontier.h"
#include "partition/max_flow.h"
#include "partition/two_memories.h"
#include "support/random_graph.h"

namespace tenon::partition::solve_test {
namespace {

using test::pick;
using test::Rng;

struct World {
  uint32_t memories, providers;
  std::vector<uint8_t> memory_of;  ///< provider → memory; the last provider is the default one, on the host
};

World random_world(Rng& rng, uint32_t memories) {
  World w{memories, 0, {}};
  for (uint32_t m = 1; m < memories; ++m) w.memory_of.push_back(static_cast<uint8_t>(m));
  if (pick(rng, 3) == 0) w.memory_of.push_back(static_cast<uint8_t>(pick(rng, static_cast<int>(memories))));
  w.memory_of.push_back(0);
  w.providers = static_cast<uint32_t>(w.memory_of.size());
  return w;
}

/// `mixed`: some operands and results stay on the host although their node runs on a device.
CostTable random_table(Rng& rng, const World& world, int nodes, bool mixed) {
  CostTable t;
  t.memories = world.memories;
  t.routes.resize(size_t{t.memories} * t.memories);
  for (uint32_t a = 0; a < t.memories; ++a)
    for (uint32_t b = 0; b < t.memories; ++b)
      if (a != b)
        t.routes[a * t.memories + b] = {pick(rng, 40), 0.1 * pick(rng, 20), a == 0 || b == 0 || pick(rng, 2) == 0};
  for (int i = 0, n = 1 + pick(rng, 2); i < n; ++i)
    t.data.push_back({CostTable::kArgument, 0, 1 + pick(rng, 50), false});
  std::vector<uint32_t> unread;
  for (int i = 0; i < nodes; ++i) {
    CostTable::Node n;
    for (int k = 0, inputs = 1 + pick(rng, 2); k < inputs; ++k)  // near the end: graphs are deep rather than wide
      n.inputs.push_back(static_cast<uint32_t>(
          std::max<int>(0, static_cast<int>(t.data.size()) - 1 - pick(rng, pick(rng, 3) ? 3 : 100))));
    for (int j = 0, outputs = pick(rng, 5) ? 1 : 2; j < outputs; ++j) {
      n.outputs.push_back(static_cast<uint32_t>(t.data.size()));
      t.data.push_back({static_cast<uint32_t>(i), static_cast<uint32_t>(j), pick(rng, 60), pick(rng, 6) == 0});
    }
    std::vector<bool> in_host, out_host;
    for (size_t k = 0; k < n.inputs.size(); ++k) in_host.push_back(mixed && pick(rng, 4) == 0);
    for (size_t j = 0; j < n.outputs.size(); ++j) out_host.push_back(mixed && pick(rng, 6) == 0);
    const bool everywhere = pick(rng, 3) != 0;
    for (uint32_t p = 0; p < world.providers; ++p) {
      const bool last = p + 1 == world.providers;
      if (!everywhere && (last ? !n.ways.empty() && pick(rng, 4) == 0 : pick(rng, 2) == 0)) continue;
      CostTable::Way w;
      w.provider = p;
      w.ns = pick(rng, 120);
      const uint8_t m = world.memory_of[p];
      for (bool host : in_host) w.reads.push_back(host ? uint8_t{0} : m);
      for (bool host : out_host) w.writes.push_back(host ? uint8_t{0} : m);
      n.ways.push_back(std::move(w));
    }
    t.nodes.push_back(std::move(n));
  }
  const auto readers = t.readers();
  for (uint32_t d = 0; d < t.data.size(); ++d)
    if (t.data[d].producer != CostTable::kArgument && readers[d].empty() && pick(rng, 4)) t.data[d].leaves = true;
  return t;
}

int64_t brute_force(const CostTable& t) {
  std::vector<uint32_t> choice(t.nodes.size(), 0);
  int64_t best = INT64_MAX;
  while (true) {
    best = std::min(best, t.total_ns(choice));
    size_t i = 0;
    while (i < choice.size() && ++choice[i] == t.nodes[i].ways.size()) choice[i++] = 0;
    if (i == choice.size()) return best;
  }
}

bool legal(const CostTable& t, const std::vector<uint32_t>& choice) {
  if (choice.size() != t.nodes.size()) return false;
  for (size_t i = 0; i < choice.size(); ++i)
    if (choice[i] >= t.nodes[i].ways.size()) return false;
  return true;
}

TEST(Solve, IsAsCheapAsTheBestOfAllAssignments) {
  Rng rng(11);
  size_t per_memories[5] = {}, mixed_cuts = 0;
  for (int round = 0; round < 1500; ++round) {
    const World world = random_world(rng, 1 + static_cast<uint32_t>(round % 4));
    const bool mixed = pick(rng, 2) == 0;
    const CostTable t = random_table(rng, world, 1 + pick(rng, world.providers > 3 ? 6 : 7), mixed);
    const Solution s = solve(t);
    ASSERT_TRUE(legal(t, s.choice)) << "round " << round;
    ASSERT_TRUE(s.exact);
    ASSERT_EQ(s.ns, brute_force(t)) << "round " << round << ", " << world.memories << " memories";
    ++per_memories[world.memories];
    mixed_cuts += mixed && world.memories == 2 && cheapest_over_two_memories(t).has_value();
  }
  for (int m = 1; m < 5; ++m) EXPECT_GE(per_memories[m], 300u);
  EXPECT_GT(mixed_cuts, 50u);
}

TEST(Solve, CutAndFrontierAgreeOnLargerTables) {
  Rng rng(12);
  size_t compared = 0;
  for (int round = 0; round < 300; ++round) {
    const CostTable t = random_table(rng, random_world(rng, 2), 40, round % 2 == 0);
    const FrontierResult walk = cheapest_by_frontier(t, 100'000);
    const auto cut = cheapest_over_two_memories(t);
    if (!cut || !walk.exact) continue;
    ASSERT_EQ(t.total_ns(*cut), t.total_ns(walk.choice)) << "round " << round;
    ++compared;
  }
  EXPECT_GT(compared, 150u);
}

TEST(Solve, FewStatesStillGiveAGoodLegalAnswer) {
  Rng rng(13);
  size_t optimal = 0, bounded = 0, rounds = 600;
  double lost = 0;
  for (size_t round = 0; round < rounds; ++round) {
    const World world = random_world(rng, 3 + static_cast<uint32_t>(round % 2));
    const CostTable t = random_table(rng, world, 6, false);
    const Solution s = solve(t, 2);
    ASSERT_TRUE(legal(t, s.choice));
    ASSERT_EQ(s.ns, t.total_ns(s.choice));
    const int64_t best = brute_force(t);
    ASSERT_GE(s.ns, best);
    if (s.exact) {
      ASSERT_EQ(s.ns, best);
    }
    bounded += !s.exact;
    optimal += s.ns == best;
    lost += best ? static_cast<double>(s.ns - best) / static_cast<double>(best) : 0;
  }
  EXPECT_GT(bounded, rounds / 2);
  EXPECT_GT(optimal, rounds * 8 / 10);
  EXPECT_LT(lost / static_cast<double>(rounds), 0.05);
}

TEST(Solve, ImprovementNeverMakesItDearer) {
  Rng rng(14);
  for (int round = 0; round < 300; ++round) {
    const CostTable t = random_table(rng, random_world(rng, 1 + static_cast<uint32_t>(round % 4)), 30, round % 2 == 0);
    std::vector<uint32_t> choice;
    for (const CostTable::Node& n : t.nodes)
      choice.push_back(static_cast<uint32_t>(pick(rng, static_cast<int>(n.ways.size()))));
    const int64_t before = t.total_ns(choice);
    improve(t, choice);
    ASSERT_TRUE(legal(t, choice));
    ASSERT_LE(t.total_ns(choice), before);
  }
}

// One value read by many nodes of a device is copied once: moving them one by one never pays, all together do.
TEST(Solve, ACopyIsPaidOnce) {
  CostTable t;
  t.memories = 2;
  t.routes = {{}, {100, 0, true}, {100, 0, true}, {}};
  t.data.push_back({CostTable::kArgument, 0, 8, false});
  for (uint32_t i = 0; i < 5; ++i) {
    t.nodes.push_back({{0}, {i + 1}, {{0, 10, {1}, {1}}, {1, 50, {0}, {0}}}});
    t.data.push_back({i, 0, 8, false});
  }
  EXPECT_EQ(solve(t).ns, 150);
  t.data[1].leaves = true;      // comes back for 100: still cheaper on the host than moving anything alone
  EXPECT_EQ(solve(t).ns, 190);  // that node stays on the host
}

TEST(Solve, HandlesLargeTablesInTime) {
  Rng rng(15);
  for (uint32_t memories : {2u, 3u}) {
    const CostTable t = random_table(rng, random_world(rng, memories), 5'000, false);
    const Solution s = solve(t);
    ASSERT_TRUE(legal(t, s.choice));
    for (uint32_t p = 0; p + 1 < memories; ++p) {  // no dearer than everything on one provider where that can be
      std::vector<uint32_t> all;
      for (const CostTable::Node& n : t.nodes) {
        const auto it = std::ranges::find(n.ways, p, &CostTable::Way::provider);
        all.push_back(it == n.ways.end() ? static_cast<uint32_t>(n.ways.size() - 1)
                                         : static_cast<uint32_t>(it - n.ways.begin()));
      }
      EXPECT_LE(s.ns, t.total_ns(all));
    }
  }
}

/// Cuts of random networks by trying every set of vertices.
TEST(MaxFlow, IsTheCheapestCut) {
  Rng rng(16);
  for (int round = 0; round < 400; ++round) {
    const uint32_t n = 2 + static_cast<uint32_t>(pick(rng, 7));
    std::vector<std::tuple<uint32_t, uint32_t, int64_t>> edges;
    MaxFlow flow(n);
    for (int e = 0, count = pick(rng, 20); e < count; ++e) {
      const auto from = static_cast<uint32_t>(pick(rng, static_cast<int>(n)));
      const auto to = static_cast<uint32_t>(pick(rng, static_cast<int>(n)));
      const int64_t capacity = pick(rng, 10) ? pick(rng, 50) : MaxFlow::kInfinite;
      edges.emplace_back(from, to, capacity);
      flow.add_edge(from, to, capacity);
    }
    const auto cost = [&](auto on_source) {
      int64_t sum = 0;
      for (const auto& [from, to, capacity] : edges)
        if (on_source(from) && !on_source(to)) sum = std::min(sum + capacity, MaxFlow::kInfinite);
      return sum;
    };
    int64_t best = INT64_MAX;
    for (uint32_t set = 0; set < 1u << n; ++set)
      if ((set & 3) == 1) best = std::min(best, cost([&](uint32_t v) { return (set >> v & 1) != 0; }));
    ASSERT_EQ(flow.solve(), best) << "round " << round;
    if (best < MaxFlow::kInfinite) {
      ASSERT_EQ(cost([&](uint32_t v) { return flow.on_source_side(v); }), best);
    }
  }
}

}  // namespace
}  // namespace tenon::partition::solve_test
