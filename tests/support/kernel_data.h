// What kernel tests share: buffers that end at an unreadable page, tables of every ISA, pools of 1, 2 and 8 threads.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/cpu.h"
#include "base/thread_pool.h"
#include "kernels/table.h"

namespace tenon::test {

/// `bytes` of memory whose end lies at a page that faults, so that a kernel that reads or writes beyond its extent
/// dies. What lies before is filled with a pattern (NaN as floats); the destructor fails the test if it has changed.
class GuardedBytes {
 public:
  explicit GuardedBytes(size_t bytes);
  ~GuardedBytes();
  GuardedBytes(GuardedBytes&& o) noexcept
      : map_(std::exchange(o.map_, nullptr)), map_bytes_(o.map_bytes_), before_(o.before_) {}
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;
  void* data() const { return map_ + before_; }

 private:
  uint8_t* map_;
  size_t map_bytes_, before_;
};

/// n elements, element-aligned only, all bits set until something is written.
template <class T>
class Guarded {
 public:
  explicit Guarded(int64_t n) : n_(n), bytes_(static_cast<size_t>(n) * sizeof(T)) {}
  Guarded(int64_t n, T value) : Guarded(n) {
    for (T& v : *this) v = value;
  }
  explicit Guarded(std::span<const T> values) : Guarded(static_cast<int64_t>(values.size())) {
    std::memcpy(data(), values.data(), bytes());
  }
  T* data() const { return static_cast<T*>(bytes_.data()); }
  size_t bytes() const { return static_cast<size_t>(n_) * sizeof(T); }
  int64_t size() const { return n_; }
  T* begin() const { return data(); }
  T* end() const { return data() + n_; }
  T& operator[](int64_t i) const { return data()[i]; }
  operator std::span<const T>() const { return {data(), static_cast<size_t>(n_)}; }  // NOLINT

 private:
  int64_t n_;
  GuardedBytes bytes_;
};

/// At least `bytes` of guarded memory, 64-byte aligned: for packed weights and scratch.
class AlignedScratch {
 public:
  explicit AlignedScratch(size_t bytes) : bytes_((bytes + 63) / 64 * 64) {}
  void* data() const { return bytes_.data(); }

 private:
  GuardedBytes bytes_;
};

/// Deterministic numbers.
class Random {
 public:
  explicit Random(uint64_t seed = 1) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  uint32_t bits() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 33) * 2u ^ static_cast<uint32_t>(state_ >> 20);
  }
  float uniform(float lo = -1, float hi = 1) { return lo + (hi - lo) * static_cast<float>(bits() >> 8) * 0x1p-24f; }
  int64_t below(int64_t n) { return static_cast<int64_t>(bits() % static_cast<uint32_t>(n)); }

 private:
  uint64_t state_;
};
Guarded<float> random_floats(int64_t n, uint64_t seed, float lo = -1, float hi = 1);

/// Runs f(table) for every level that this machine runs, named in failures.
template <class F>
void each_table(F&& f) {
  for (Isa isa : runnable_isas()) {
    SCOPED_TRACE(std::string(isa_name(isa)));
    f(kernels::kernels_for(isa));
  }
}

/// Callers with 1, 2 and 8 threads; the pools live until exit.
std::span<const Parallel> parallels();

/// Runs f(par) with 1, 2 and 8 threads; f fills `out`, which must come out the same to the last bit.
template <class T, class F>
void expect_same_bits(std::span<const T> out, F&& f) {
  std::vector<T> first;
  for (const Parallel& par : parallels()) {
    f(par);
    if (first.empty())
      first.assign(out.begin(), out.end());
    else
      EXPECT_TRUE(out.empty() || std::memcmp(first.data(), out.data(), out.size_bytes()) == 0)
          << "another result with " << par.threads() << " threads";
  }
}

/// Units in the last place between two floats; 0 for two NaNs; huge where only one is NaN.
int64_t ulp_distance(float a, float b);

}  // namespace tenon::test
