// Random numbers by counter: Philox4x32-10 (Salmon et al. 2011). Value i of a stream depends on the stream's key and i
// alone, so results do not depend on the number of threads.
#pragma once
#include <atomic>
#include <cmath>
#include <cstdint>

#include "graph/attr.h"

namespace tenon::ops {

/// Attribute `seed` of a node. With a seed every run draws the same numbers; without one each run draws others.
class Seed {
 public:
  /// `integer`: the attribute is an int (Dropout), else a float.
  explicit Seed(const graph::Attrs& attrs, bool integer = false);
  uint64_t next() const;  ///< key for one run

 private:
  bool fixed_;
  uint64_t key_;
  mutable std::atomic<uint64_t> runs_{0};
};

class Philox {
 public:
  explicit Philox(uint64_t key) : key_(key) {}
  struct Block {
    uint32_t word[4];
  };
  Block block(uint64_t counter) const;

  /// fn(i, u) for i in [begin, end) with u uniform in [0, 1), 53 bits.
  template <class F>
  void uniform(int64_t begin, int64_t end, F&& fn) const {
    for (int64_t i = begin; i < end;) {
      const Block b = block(static_cast<uint64_t>(i) / 2);
      for (int64_t j = i % 2; j < 2 && i < end; ++j) fn(i++, unit(b, j));
    }
  }
  /// fn(i, z) for i in [begin, end) with z normal, mean 0, deviation 1 (Box-Muller).
  template <class F>
  void normal(int64_t begin, int64_t end, F&& fn) const {
    for (int64_t i = begin; i < end;) {
      const Block b = block(static_cast<uint64_t>(i) / 2);
      const double radius = std::sqrt(-2 * std::log(1 - unit(b, 0))), angle = 6.283185307179586 * unit(b, 1);
      for (int64_t j = i % 2; j < 2 && i < end; ++j) fn(i++, radius * (j ? std::sin(angle) : std::cos(angle)));
    }
  }

 private:
  static double unit(const Block& b, int64_t j) {
    const uint64_t bits = static_cast<uint64_t>(b.word[2 * j]) << 32 | b.word[2 * j + 1];
    return static_cast<double>(bits >> 11) * 0x1p-53;
  }
  uint64_t key_;
};

}  // namespace tenon::ops
