// Dinic's algorithm without recursion; a set becomes an edge of its cost between two vertices of its own.
#include "partition/min_cut.h"

#include <algorithm>

#include "base/error.h"

namespace tenon::partition {

void MinCut::edge(uint32_t a, uint32_t b, int64_t there, int64_t back) {
  edges_of_[a].push_back(static_cast<uint32_t>(edges_.size()));
  edges_.push_back({b, there});
  edges_of_[b].push_back(static_cast<uint32_t>(edges_.size()));
  edges_.push_back({a, back});
}

void MinCut::together(std::span<const uint32_t> members, int64_t cost) {
  if (members.size() < 2) return;
  if (members.size() == 2) return edge(members[0], members[1], cost, cost);
  const auto in = static_cast<uint32_t>(edges_of_.size()), out = in + 1;
  edges_of_.resize(edges_of_.size() + 2);
  edge(in, out, cost, 0);
  for (uint32_t v : members) {
    edge(v, in, kForced, 0);
    edge(out, v, kForced, 0);
  }
}

bool MinCut::find_levels() {
  level_.assign(edges_of_.size(), -1);
  level_[kSource] = 0;
  std::vector<uint32_t> queue = {kSource};
  for (size_t at = 0; at < queue.size(); ++at) {
    for (uint32_t e : edges_of_[queue[at]]) {
      if (edges_[e].room == 0 || level_[edges_[e].to] >= 0) continue;
      level_[edges_[e].to] = level_[queue[at]] + 1;
      queue.push_back(edges_[e].to);
    }
  }
  return level_[kSink] >= 0;
}

/// One path along the levels; 0 when there is none left.
int64_t MinCut::push() {
  std::vector<uint32_t> path;
  uint32_t v = kSource;
  while (v != kSink) {
    bool advanced = false;
    for (; next_[v] < edges_of_[v].size(); ++next_[v]) {
      const Edge& e = edges_[edges_of_[v][next_[v]]];
      if (e.room == 0 || level_[e.to] != level_[v] + 1) continue;
      path.push_back(edges_of_[v][next_[v]]);
      v = e.to;
      advanced = true;
      break;
    }
    if (advanced) continue;
    if (path.empty()) return 0;
    v = edges_[path.back() ^ 1].to;  // a dead end: back, and past the edge that led here
    path.pop_back();
    ++next_[v];
  }
  int64_t room = kForced;
  for (uint32_t e : path) room = std::min(room, edges_[e].room);
  for (uint32_t e : path) {
    edges_[e].room -= room;
    edges_[e ^ 1].room += room;
  }
  return room;
}

int64_t MinCut::solve() {
  int64_t total = 0;
  while (find_levels()) {
    next_.assign(edges_of_.size(), 0);
    while (const int64_t pushed = push()) {
      total += pushed;
      if (total >= kForced) fail(ErrorCode::kEngineError, "a vertex is tied to both labels");
    }
  }
  return total;
}

}  // namespace tenon::partition
