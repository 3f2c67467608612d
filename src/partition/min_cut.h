// MinCut: the cheapest way to give vertices one of two labels, when some have theirs and sets that are split cost.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace tenon::partition {

/// Vertices are numbered from 0; two more stand for the labels: kSource and kSink.
class MinCut {
 public:
  static constexpr uint32_t kSource = 0, kSink = 1, kFirst = 2;
  static constexpr int64_t kForced = int64_t{1} << 60;

  /// Vertices kFirst .. kFirst + count - 1 are free.
  explicit MinCut(size_t count) : edges_of_(kFirst + count) {}
  void tie(uint32_t a, uint32_t b) { edge(a, b, kForced, kForced); }  ///< same label
  /// Costs `cost` unless all members have one label.
  void together(std::span<const uint32_t> members, int64_t cost);
  /// The least total cost; afterwards on_source() tells who has the source's label: as few as that cost allows.
  int64_t solve();
  bool on_source(uint32_t v) const { return level_[v] >= 0; }

 private:
  struct Edge {
    uint32_t to;
    int64_t room;
  };
  void edge(uint32_t a, uint32_t b, int64_t there, int64_t back);
  bool find_levels();
  int64_t push();

  std::vector<Edge> edges_;  ///< an edge and its reverse are neighbours
  std::vector<std::vector<uint32_t>> edges_of_;
  std::vector<int> level_;
  std::vector<size_t> next_;
};

}  // namespace tenon::partition
