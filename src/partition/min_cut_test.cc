// Random sets against every labelling.
#include "partition/min_cut.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/random_graph.h"

namespace tenon::partition::min_cut_test {
namespace {

using test::pick;

TEST(MinCut, IsTheCheapestOfAllLabellings) {
  test::Rng rng(7);
  for (int round = 0; round < 2000; ++round) {
    const uint32_t vertices = 1 + static_cast<uint32_t>(pick(rng, 8));
    MinCut cut(vertices);
    struct Set {
      std::vector<uint32_t> members;
      int64_t cost;
    };
    std::vector<Set> sets;
    std::vector<uint32_t> on_source;
    for (uint32_t v = MinCut::kFirst; v < MinCut::kFirst + vertices; ++v) {
      if (pick(rng, 3)) continue;
      cut.tie(MinCut::kSource, v);
      on_source.push_back(v);
    }
    for (int k = pick(rng, 8); k >= 0; --k) {
      Set s{{}, pick(rng, 4)};
      for (uint32_t v = 1; v < MinCut::kFirst + vertices; ++v)  // the sink may be a member
        if (pick(rng, 3) == 0) s.members.push_back(v);
      cut.together(s.members, s.cost);
      sets.push_back(std::move(s));
    }
    const auto cost = [&](auto source) {
      int64_t total = 0;
      for (const Set& s : sets) {
        bool both[2] = {};
        for (uint32_t v : s.members) both[v != MinCut::kSink && source(v)] = true;
        if (both[0] && both[1]) total += s.cost;
      }
      return total;
    };
    int64_t best = INT64_MAX;
    for (uint32_t labels = 0; labels < 1u << vertices; ++labels) {
      const auto source = [&](uint32_t v) { return (labels >> (v - MinCut::kFirst) & 1) != 0; };
      if (std::ranges::all_of(on_source, source)) best = std::min(best, cost(source));
    }
    ASSERT_EQ(cut.solve(), best) << "round " << round;
    for (uint32_t v : on_source) ASSERT_TRUE(cut.on_source(v));
    ASSERT_EQ(cost([&](uint32_t v) { return cut.on_source(v); }), best) << "round " << round;
  }
}

TEST(MinCut, GivesTheSourceNoMoreThanItMust) {
  MinCut cut(2);
  cut.tie(MinCut::kSource, MinCut::kFirst);
  const uint32_t chain[] = {MinCut::kFirst, MinCut::kFirst + 1}, end[] = {MinCut::kFirst + 1, MinCut::kSink};
  cut.together(chain, 1);
  cut.together(end, 1);
  EXPECT_EQ(cut.solve(), 1);
  EXPECT_FALSE(cut.on_source(MinCut::kFirst + 1));
}

}  // namespace
}  // namespace tenon::partition::min_cut_test
