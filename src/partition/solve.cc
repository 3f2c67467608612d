// Which method, and local search behind the one that may have to give up exactness.
#include "partition/solve.h"

#include <algorithm>
#include <unordered_map>

#include "partition/frontier.h"
#include "partition/two_memories.h"

namespace tenon::partition {
namespace solve_impl {
namespace {

class Search {
 public:
  Search(const CostTable& t, std::vector<uint32_t>& choice)
      : t_(t), choice_(choice), readers_(t.readers()), seen_(t.data.size(), 0) {}

  void run() {
    constexpr int kRounds = 8;
    for (int round = 0; round < kRounds; ++round) {
      bool better = false;
      for (uint32_t i = 0; i < t_.nodes.size(); ++i)
        for (uint32_t w = 0; w < t_.nodes[i].ways.size(); ++w)
          better |= try_move({&i, 1}, t_.nodes[i].ways[w].provider);
      better |= move_components();
      if (!better) return;
    }
  }

 private:
  /// Moves those of `nodes` that can to `provider`; takes it back when it does not pay.
  bool try_move(std::span<const uint32_t> nodes, uint32_t provider) {
    std::vector<std::pair<uint32_t, uint32_t>> old;
    ++mark_;
    int64_t before = 0, after = 0;
    std::vector<uint32_t> touched;
    for (uint32_t i : nodes) {
      const auto& ways = t_.nodes[i].ways;
      const auto to = std::ranges::find(ways, provider, &CostTable::Way::provider) - ways.begin();
      if (to == std::ssize(ways) || static_cast<uint32_t>(to) == choice_[i]) continue;
      for (const auto* list : {&t_.nodes[i].inputs, &t_.nodes[i].outputs})
        for (uint32_t d : *list)
          if (seen_[d] != mark_) {
            seen_[d] = mark_;
            touched.push_back(d);
          }
      before += ways[choice_[i]].ns;
      after += ways[static_cast<size_t>(to)].ns;
      old.emplace_back(i, static_cast<uint32_t>(to));
    }
    for (uint32_t d : touched) before += copies(d);
    for (auto& [i, way] : old) std::swap(choice_[i], way);
    for (uint32_t d : touched) after += copies(d);
    if (after < before) return true;
    for (const auto& [i, way] : old) choice_[i] = way;
    return false;
  }

  int64_t copies(uint32_t d) const {
    uint32_t wanted = t_.data[d].leaves ? 1u << CostTable::kHost : 0;
    for (const auto& [node, operand] : readers_[d]) wanted |= 1u << t_.nodes[node].ways[choice_[node]].reads[operand];
    return t_.spread_ns(t_.data[d].bytes, t_.origin(d, choice_), wanted);
  }

  uint32_t provider(uint32_t i) const { return t_.nodes[i].ways[choice_[i]].provider; }

  /// Connected nodes of one provider, all at once.
  bool move_components() {
    std::vector<uint32_t> providers;
    for (const CostTable::Node& n : t_.nodes)
      for (const CostTable::Way& w : n.ways)
        if (std::ranges::find(providers, w.provider) == providers.end()) providers.push_back(w.provider);
    std::vector<bool> done(t_.nodes.size(), false);
    bool better = false;
    for (uint32_t start = 0; start < t_.nodes.size(); ++start) {
      if (done[start]) continue;
      const uint32_t mine = provider(start);
      std::vector<uint32_t> nodes{start};
      done[start] = true;
      const auto visit = [&](uint32_t i) {
        if (done[i] || provider(i) != mine) return;
        done[i] = true;
        nodes.push_back(i);
      };
      for (size_t at = 0; at < nodes.size(); ++at) {
        for (uint32_t d : t_.nodes[nodes[at]].inputs)
          if (t_.data[d].producer != CostTable::kArgument) visit(t_.data[d].producer);
        for (uint32_t d : t_.nodes[nodes[at]].outputs)
          for (const auto& [node, operand] : readers_[d]) visit(node);
      }
      if (nodes.size() > 1)
        for (uint32_t p : providers) better |= p != mine && try_move(nodes, p);
    }
    return better;
  }

  const CostTable& t_;
  std::vector<uint32_t>& choice_;
  std::vector<std::vector<std::pair<uint32_t, uint32_t>>> readers_;
  std::vector<uint32_t> seen_;
  uint32_t mark_ = 0;
};

}  // namespace
}  // namespace solve_impl

void improve(const CostTable& t, std::vector<uint32_t>& choice) { solve_impl::Search(t, choice).run(); }

Solution solve(const CostTable& t, size_t max_states) {
  Solution s;
  if (auto cut = cheapest_over_two_memories(t)) {
    s.choice = std::move(*cut);
  } else {
    constexpr size_t kTrail = 1'000'000, kMost = 4096, kLeast = 16;  // entries of 8 bytes
    if (!max_states) max_states = std::clamp(kTrail / std::max<size_t>(t.nodes.size(), 1), kLeast, kMost);
    FrontierResult walk = cheapest_by_frontier(t, max_states);
    s.choice = std::move(walk.choice);
    s.exact = walk.exact;
    if (!s.exact) improve(t, s.choice);
  }
  s.ns = t.total_ns(s.choice);
  return s;
}

}  // namespace tenon::partition
