// States by node; see the header.
#include "partition/frontier.h"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>

namespace tenon::partition {
namespace frontier {
namespace {

/// A topological order; of the nodes that are ready, the one that leaves the fewest values alive, the latest of those.
std::vector<uint32_t> narrow_order(const CostTable& t,
                                   const std::vector<std::vector<std::pair<uint32_t, uint32_t>>>& readers) {
  std::vector<uint32_t> waits(t.nodes.size(), 0), left(t.data.size(), 0), out;
  for (uint32_t d = 0; d < t.data.size(); ++d) {
    left[d] = static_cast<uint32_t>(readers[d].size());
    if (t.data[d].producer == CostTable::kArgument) continue;
    for (const auto& [node, operand] : readers[d]) ++waits[node];
  }
  std::vector<uint32_t> ready;
  for (uint32_t i = 0; i < t.nodes.size(); ++i)
    if (!waits[i]) ready.push_back(i);
  std::ranges::reverse(ready);
  const auto growth = [&](uint32_t i) {
    int g = 0;
    for (uint32_t d : t.nodes[i].outputs) g += !readers[d].empty();
    const std::set<uint32_t> in(t.nodes[i].inputs.begin(), t.nodes[i].inputs.end());
    for (uint32_t d : in) g -= static_cast<uint32_t>(std::ranges::count(t.nodes[i].inputs, d)) == left[d];
    return g;
  };
  constexpr size_t kLook = 32;  // of the ready ones: keeps this linear
  while (!ready.empty()) {
    size_t best = ready.size() - 1;
    int best_growth = growth(ready[best]);
    for (size_t k = 1; k < std::min(kLook, ready.size()); ++k) {
      const size_t at = ready.size() - 1 - k;
      if (const int g = growth(ready[at]); g < best_growth) {
        best = at;
        best_growth = g;
      }
    }
    const uint32_t i = ready[best];
    ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(best));
    out.push_back(i);
    for (uint32_t d : t.nodes[i].inputs) --left[d];
    for (uint32_t d : t.nodes[i].outputs)
      for (const auto& [node, operand] : readers[d])
        if (!--waits[node]) ready.push_back(node);
  }
  return out;
}

/// Per live value: memory where it was made << 16 | memories that have it.
using Key = std::u32string;
constexpr uint32_t made_in(char32_t c) { return static_cast<uint32_t>(c) >> 16; }

struct State {
  Key key;
  int64_t ns;
  uint32_t previous;  ///< state after the node before
  uint8_t way;
};

class Walk {
 public:
  Walk(const CostTable& t, size_t max_states) : t_(t), max_states_(max_states), readers_(t.readers()) {}

  FrontierResult run() {
    const std::vector<uint32_t> order = narrow_order(t_, readers_);
    left_.resize(t_.data.size());
    for (uint32_t d = 0; d < t_.data.size(); ++d) left_[d] = readers_[d].size();
    std::vector<State> now{{{}, 0, 0, 0}};
    for (uint32_t d = 0; d < t_.data.size(); ++d) {
      if (t_.data[d].producer != CostTable::kArgument || readers_[d].empty()) continue;
      live_.push_back(d);
      now[0].key.push_back(char32_t{1});  // made on the host, which has it
    }
    for (uint32_t i : order) now = step(i, now);
    FrontierResult r{std::vector<uint32_t>(t_.nodes.size()), exact_};
    uint32_t at = 0;
    for (uint32_t k = 1; k < now.size(); ++k)
      if (now[k].ns < now[at].ns) at = k;
    for (size_t k = order.size(); k-- > 0;) {
      r.choice[order[k]] = trail_[k][at].second;
      at = trail_[k][at].first;
    }
    return r;
  }

 private:
  std::vector<State> step(uint32_t i, const std::vector<State>& before) {
    const CostTable::Node& node = t_.nodes[i];
    for (uint32_t d : node.inputs) --left_[d];
    std::vector<uint32_t> place(node.inputs.size());  // in the key
    for (size_t k = 0; k < node.inputs.size(); ++k)
      place[k] = static_cast<uint32_t>(std::ranges::find(live_, node.inputs[k]) - live_.begin());
    std::vector<uint32_t> kept, born;
    for (uint32_t k = 0; k < live_.size(); ++k)
      if (left_[live_[k]]) kept.push_back(k);
    for (uint32_t j = 0; j < node.outputs.size(); ++j)
      if (left_[node.outputs[j]]) born.push_back(j);
    std::unordered_map<Key, uint32_t> index;
    std::vector<State> after;
    Key key;
    for (uint32_t s = 0; s < before.size(); ++s) {
      for (uint32_t w = 0; w < node.ways.size(); ++w) {
        const CostTable::Way& way = node.ways[w];
        Key all = before[s].key;
        int64_t ns = before[s].ns + way.ns;
        for (size_t k = 0; k < place.size(); ++k) ns += bring(node.inputs[k], all[place[k]], way.reads[k]);
        for (uint32_t j = 0; j < node.outputs.size(); ++j)
          if (t_.data[node.outputs[j]].leaves) {
            char32_t made = fresh(way.writes[j]);
            ns += bring(node.outputs[j], made, CostTable::kHost);
          }
        key.clear();
        for (uint32_t k : kept) key.push_back(all[k]);
        for (uint32_t j : born) {
          char32_t made = fresh(way.writes[j]);
          if (t_.data[node.outputs[j]].leaves) bring(node.outputs[j], made, CostTable::kHost);  // paid above
          key.push_back(made);
        }
        const auto [at, is_new] = index.try_emplace(key, static_cast<uint32_t>(after.size()));
        if (is_new)
          after.push_back({key, ns, s, static_cast<uint8_t>(w)});
        else if (ns < after[at->second].ns)
          after[at->second] = {key, ns, s, static_cast<uint8_t>(w)};
      }
    }
    std::vector<uint32_t> live;
    for (uint32_t k : kept) live.push_back(live_[k]);
    for (uint32_t j : born) live.push_back(node.outputs[j]);
    live_ = std::move(live);
    if (after.size() > max_states_) {
      exact_ = false;
      const auto cheaper = [](const State& a, const State& b) { return a.ns < b.ns; };
      std::nth_element(after.begin(), after.begin() + static_cast<std::ptrdiff_t>(max_states_), after.end(), cheaper);
      after.resize(max_states_);
    }
    trail_.emplace_back();
    for (const State& s : after) trail_.back().emplace_back(s.previous, s.way);
    return after;
  }

  static char32_t fresh(uint32_t memory) { return static_cast<char32_t>(memory << 16 | 1u << memory); }

  /// What a read in `memory` adds; afterwards that memory has the value.
  int64_t bring(uint32_t d, char32_t& where, uint32_t memory) const {
    const uint32_t from = made_in(where);
    const auto has = [&](uint32_t m) { return (where >> m & 1) != 0; };
    if (has(memory)) return 0;
    const int64_t bytes = t_.data[d].bytes;
    int64_t ns = 0;
    if (t_.route(from, memory).direct) {
      ns = t_.copy_ns(bytes, from, memory);
    } else {
      if (!has(CostTable::kHost)) ns = t_.copy_ns(bytes, from, CostTable::kHost);
      ns += t_.copy_ns(bytes, CostTable::kHost, memory);
      where |= char32_t{1} << CostTable::kHost;
    }
    where |= char32_t{1} << memory;
    return ns;
  }

  const CostTable& t_;
  const size_t max_states_;
  std::vector<std::vector<std::pair<uint32_t, uint32_t>>> readers_;
  std::vector<size_t> left_;  ///< reads of each datum that are still to come
  std::vector<uint32_t> live_;
  std::vector<std::vector<std::pair<uint32_t, uint8_t>>> trail_;  ///< per node: (state before, way)
  bool exact_ = true;
};

}  // namespace
}  // namespace frontier

FrontierResult cheapest_by_frontier(const CostTable& t, size_t max_states) {
  return frontier::Walk(t, std::max<size_t>(max_states, 1)).run();
}

}  // namespace tenon::partition
