// MaxFlow: the cheapest cut between two ends of a network, by blocking flows on shortest paths (Dinic 1970).
#pragma once
#include <cstdint>
#include <vector>

namespace tenon::partition {

class MaxFlow {
 public:
  static constexpr int64_t kInfinite = int64_t{1} << 60;
  /// Vertices 0 .. vertices - 1; 0 is the source, 1 the sink.
  explicit MaxFlow(uint32_t vertices = 2) : first_(vertices, kNoEdge) {}
  uint32_t add_vertex();
  /// An edge that costs `capacity` (>= 0) when it is cut; one of kInfinite never is, where another cut exists.
  void add_edge(uint32_t from, uint32_t to, int64_t capacity);
  /// Value of the cheapest cut.
  int64_t solve();
  /// After solve(): whether v is on the source's side (the smallest such side).
  bool on_source_side(uint32_t v) const { return level_[v] != kUnreached; }

 private:
  static constexpr uint32_t kNoEdge = UINT32_MAX, kUnreached = UINT32_MAX;
  struct Edge {
    uint32_t to, next;
    int64_t left;
  };
  bool reach();
  int64_t push();
  std::vector<uint32_t> first_, current_, level_;
  std::vector<Edge> edges_;  ///< 2i and 2i + 1 are one edge and its way back
};

}  // namespace tenon::partition
