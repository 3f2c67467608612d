// Side of the source: the host. A node that is cut off from the sink pays its time on the host, one cut off from the
// source its time on the device. Two helper vertices per value make a copy cost once, however many readers it has.
#include "partition/two_memories.h"

#include <algorithm>

#include "partition/max_flow.h"

namespace tenon::partition {
namespace two_memories {
namespace {

constexpr uint32_t kNoWay = UINT32_MAX, kSource = 0, kSink = 1;

bool on_host(const CostTable::Way& w) {
  const auto host = [](uint8_t m) { return m == CostTable::kHost; };
  return std::ranges::all_of(w.reads, host) && std::ranges::all_of(w.writes, host);
}

struct Sides {
  uint32_t host = kNoWay, device = kNoWay;  ///< cheapest way on each
};

std::optional<std::vector<Sides>> sides(const CostTable& t) {
  std::vector<Sides> out(t.nodes.size());
  for (size_t i = 0; i < t.nodes.size(); ++i) {
    const auto& ways = t.nodes[i].ways;
    for (uint32_t k = 0; k < ways.size(); ++k) {
      uint32_t& best = on_host(ways[k]) ? out[i].host : out[i].device;
      if (best != kNoWay && !ways[k].same_memories(ways[best])) return {};
      if (best == kNoWay || ways[k].ns < ways[best].ns) best = k;
    }
  }
  return out;
}

class Network {
 public:
  Network(const CostTable& t, const std::vector<Sides>& sides)
      : t_(t), sides_(sides), flow_(static_cast<uint32_t>(t.nodes.size()) + 2) {}

  std::vector<uint32_t> solve() {
    for (uint32_t i = 0; i < t_.nodes.size(); ++i) {
      const auto& ways = t_.nodes[i].ways;
      flow_.add_edge(vertex(i), kSink, sides_[i].host == kNoWay ? MaxFlow::kInfinite : ways[sides_[i].host].ns);
      flow_.add_edge(kSource, vertex(i), sides_[i].device == kNoWay ? MaxFlow::kInfinite : ways[sides_[i].device].ns);
    }
    const auto readers = t_.readers();
    for (uint32_t d = 0; d < t_.data.size(); ++d) add_copies(t_.data[d], readers[d]);
    flow_.solve();
    std::vector<uint32_t> choice;
    for (uint32_t i = 0; i < t_.nodes.size(); ++i)
      choice.push_back(flow_.on_source_side(vertex(i)) ? sides_[i].host : sides_[i].device);
    return choice;
  }

 private:
  static uint32_t vertex(uint32_t node) { return node + 2; }
  /// Whether the slot moves with its node; otherwise it is on the host whatever the node does.
  bool moves(uint32_t node, const std::vector<uint8_t> CostTable::Way::*slots, uint32_t at) const {
    const uint32_t way = sides_[node].device;
    return way != kNoWay && (t_.nodes[node].ways[way].*slots)[at] != CostTable::kHost;
  }

  void add_copies(const CostTable::Datum& d, const std::vector<std::pair<uint32_t, uint32_t>>& readers) {
    const bool movable = d.producer != CostTable::kArgument && moves(d.producer, &CostTable::Way::writes, d.output);
    const uint32_t made = movable ? vertex(d.producer) : kSource;
    std::vector<uint32_t> reads;
    bool host = d.leaves;
    for (const auto& [node, operand] : readers) {
      if (moves(node, &CostTable::Way::reads, operand))
        reads.push_back(vertex(node));
      else
        host = true;
    }
    if (!reads.empty()) {  // to the device: made on the host, read there by any
      const uint32_t there = flow_.add_vertex();
      flow_.add_edge(made, there, t_.copy_ns(d.bytes, CostTable::kHost, 1));
      for (uint32_t r : reads) flow_.add_edge(there, r, MaxFlow::kInfinite);
    }
    if (movable && (host || !reads.empty())) {  // to the host: made on the device, read on the host by any
      const uint32_t here = flow_.add_vertex();
      flow_.add_edge(here, made, t_.copy_ns(d.bytes, 1, CostTable::kHost));
      if (host) flow_.add_edge(kSource, here, MaxFlow::kInfinite);
      for (uint32_t r : reads) flow_.add_edge(r, here, MaxFlow::kInfinite);
    }
  }

  const CostTable& t_;
  const std::vector<Sides>& sides_;
  MaxFlow flow_;
};

}  // namespace
}  // namespace two_memories

std::optional<std::vector<uint32_t>> cheapest_over_two_memories(const CostTable& t) {
  if (t.memories > 2) return {};
  const auto sides = two_memories::sides(t);
  if (!sides) return {};
  return two_memories::Network(t, *sides).solve();
}

}  // namespace tenon::partition
