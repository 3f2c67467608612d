// CostTable: what each node of a region costs on each provider, and what it costs to move values between memories.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace tenon::partition {

/// Memories are numbered; 0 is the host, where the arguments of a region come from and its results go. A value is
/// copied at most once per memory, from where it was made; without a direct route it passes through the host, and the
/// copy there serves readers on the host. All times in ns.
struct CostTable {
  static constexpr uint32_t kHost = 0;
  static constexpr uint32_t kArgument = UINT32_MAX;  ///< Datum::producer of what comes from outside
  static constexpr uint32_t kMaxMemories = 16;

  /// One way to run a node: on a provider, reading operand i in memory reads[i], leaving result j in writes[j].
  struct Way {
    uint32_t provider = 0;
    int64_t ns = 0;
    std::vector<uint8_t> reads, writes;
    bool same_memories(const Way& o) const { return reads == o.reads && writes == o.writes; }
  };
  struct Node {
    std::vector<uint32_t> inputs, outputs;  ///< indices in data
    std::vector<Way> ways;                  ///< at least one
  };
  struct Datum {
    uint32_t producer = kArgument;  ///< index in nodes
    uint32_t output = 0;            ///< which of the producer's results
    int64_t bytes = 0;
    bool leaves = false;  ///< a result of the region
  };
  /// A copy of n bytes takes latency_ns + n * ns_per_byte.
  struct Route {
    int64_t latency_ns = 0;
    double ns_per_byte = 0;
    bool direct = true;  ///< false: through the host
  };

  uint32_t memories = 1;
  std::vector<Route> routes{1};  ///< [from * memories + to]
  std::vector<Node> nodes;       ///< in a topological order
  std::vector<Datum> data;

  const Route& route(uint32_t from, uint32_t to) const { return routes[from * memories + to]; }
  int64_t copy_ns(int64_t bytes, uint32_t from, uint32_t to) const;
  /// To bring `bytes` made in memory `from` to all memories of the bit mask `to`.
  int64_t spread_ns(int64_t bytes, uint32_t from, uint32_t to) const;
  /// Cost of running node i by way choice[i]: nodes and copies.
  int64_t total_ns(std::span<const uint32_t> choice) const;
  /// The readers of each datum: (node, operand).
  std::vector<std::vector<std::pair<uint32_t, uint32_t>>> readers() const;
  /// Where datum d is made.
  uint32_t origin(uint32_t d, std::span<const uint32_t> choice) const {
    const Datum& x = data[d];
    return x.producer == kArgument ? kHost : nodes[x.producer].ways[choice[x.producer]].writes[x.output];
  }
};

}  // namespace tenon::partition
