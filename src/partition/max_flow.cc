// Levels, then paths along them, without recursion: networks are as deep as models.
#include "partition/max_flow.h"

#include <algorithm>

namespace tenon::partition {

uint32_t MaxFlow::add_vertex() {
  first_.push_back(kNoEdge);
  return static_cast<uint32_t>(first_.size() - 1);
}

void MaxFlow::add_edge(uint32_t from, uint32_t to, int64_t capacity) {
  if (capacity <= 0 || from == to) return;
  const auto at = static_cast<uint32_t>(edges_.size());
  edges_.push_back({to, first_[from], std::min(capacity, kInfinite)});
  edges_.push_back({from, first_[to], 0});
  first_[from] = at;
  first_[to] = at + 1;
}

int64_t MaxFlow::solve() {
  int64_t flow = 0;
  while (reach()) {
    current_ = first_;
    while (const int64_t pushed = push()) {
      flow += pushed;
      if (flow >= kInfinite) return kInfinite;  // no finite cut
    }
  }
  return flow;
}

bool MaxFlow::reach() {
  level_.assign(first_.size(), kUnreached);
  level_[0] = 0;
  std::vector<uint32_t> queue{0};
  for (size_t at = 0; at < queue.size(); ++at) {
    const uint32_t v = queue[at];
    for (uint32_t e = first_[v]; e != kNoEdge; e = edges_[e].next) {
      const uint32_t to = edges_[e].to;
      if (!edges_[e].left || level_[to] != kUnreached) continue;
      level_[to] = level_[v] + 1;
      queue.push_back(to);
    }
  }
  return level_[1] != kUnreached;
}

int64_t MaxFlow::push() {
  std::vector<uint32_t> path;  // edges from the source
  uint32_t v = 0;
  while (v != 1) {
    uint32_t& e = current_[v];
    while (e != kNoEdge && (!edges_[e].left || level_[edges_[e].to] != level_[v] + 1)) e = edges_[e].next;
    if (e != kNoEdge) {
      path.push_back(e);
      v = edges_[e].to;
      continue;
    }
    if (path.empty()) return 0;
    v = edges_[path.back() ^ 1].to;  // a dead end: the edge that led here is done
    path.pop_back();
    current_[v] = edges_[current_[v]].next;
  }
  int64_t amount = kInfinite;
  for (uint32_t e : path) amount = std::min(amount, edges_[e].left);
  for (uint32_t e : path) {
    if (edges_[e].left != kInfinite) edges_[e].left -= amount;
    if (edges_[e ^ 1].left != kInfinite) edges_[e ^ 1].left += amount;
  }
  return amount;
}

}  // namespace tenon::partition
