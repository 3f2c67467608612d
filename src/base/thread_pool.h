// ThreadPool: caller + N-1 workers that share fixed-size blocks of a loop.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>

#include "base/cancel.h"
#include "base/function_ref.h"

namespace tenon {

/// intra_op N = caller + N-1 workers; 1 = no thread at all. Work is cut at block sizes that depend on the loop alone,
/// so results never depend on the number of threads. Nested loops run inline in the worker that meets them.
/// Any number of callers may run loops at once. After fork() the child starts its own workers on first use.
class ThreadPool {
 public:
  struct Options {
    int threads = 0;            ///< 0 = min(physical cores, cgroup quota)
    bool spinning = false;      ///< ORT's allow_spinning; here a spin is bounded to `spin_us`
    int spin_us = 20;           ///< busy wait before blocking; 0 = block at once
    std::string affinity = {};  ///< ORT's affinity string "1,2;3-4": one entry per worker
  };
  explicit ThreadPool(const Options& options);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept;
  int spin_us() const noexcept;  ///< how long its threads wait busily

  /// fn(begin, end) over disjoint blocks that cover [0, n). `cost` = rough nanoseconds per item: blocks hold 20 us to
  /// 2 ms of work, and small loops run in the caller. The first exception of a block is rethrown here, after all blocks
  /// have stopped. When `cancel` is stopped between blocks, the loop ends with CancelToken::check()'s error.
  void parallel_for(int64_t n, double cost, const CancelToken* cancel, FunctionRef<void(int64_t, int64_t)> fn);
  /// Same with a given block size.
  void parallel_blocks(int64_t n, int64_t block, const CancelToken* cancel, FunctionRef<void(int64_t, int64_t)> fn);

  /// min(physical cores, cgroup CPU quota), at least 1.
  static int default_threads();

 private:
  struct Impl;
  Impl& renewed();  ///< in a forked child: with workers of its own
  std::atomic<Impl*> impl_;
};

/// What a kernel needs to run loops: a pool (may be null = caller only) and the run's cancel token (may be null).
struct Parallel {
  ThreadPool* pool = nullptr;
  const CancelToken* cancel = nullptr;

  int threads() const noexcept { return pool ? pool->threads() : 1; }
  template <class F>
  void loop(int64_t n, double cost, F&& fn) const {
    if (n <= 0) return;
    if (cancel) cancel->check();  // a kernel may run very many small loops
    if (pool && pool->threads() > 1 && n > 1 && static_cast<double>(n) * cost > kMinParallelNs)
      pool->parallel_for(n, cost, cancel, fn);
    else
      serial(n, cost, fn);
  }
  /// fn(begin, end) for blocks of exactly `block` items (the last one may be shorter), on any thread.
  template <class F>
  void blocks(int64_t n, int64_t block, F&& fn) const {
    if (n <= 0) return;
    if (pool && pool->threads() > 1 && n > block) {
      pool->parallel_blocks(n, block, cancel, fn);
    } else {
      for (int64_t b = 0; b < n; b += block) {
        if (cancel) cancel->check();
        fn(b, b + block < n ? b + block : n);
      }
    }
  }
  static constexpr double kMinParallelNs = 20000;
  static constexpr double kPollNs = 2e6;  ///< a cancel is seen within some milliseconds

 private:
  template <class F>
  void serial(int64_t n, double cost, F&& fn) const {
    if (!cancel || static_cast<double>(n) * cost < kPollNs) {
      fn(int64_t{0}, n);
      return;
    }
    const int64_t block = static_cast<int64_t>(kPollNs / cost) + 1;
    for (int64_t b = 0; b < n; b += block) {
      if (b > 0) cancel->check();
      fn(b, b + block < n ? b + block : n);
    }
  }
};

}  // namespace tenon
