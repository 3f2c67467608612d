// Arena: best fit in power-of-two bins over regions from the system, with ORT's options and statistics.
#pragma once
#include <memory>
#include <vector>

#include "base/accounting.h"
#include "base/fork_mutex.h"
#include "tenon/allocator.h"

namespace tenon::memory {

enum class Extend : int { kNextPowerOfTwo = 0, kSameAsRequested = 1 };

/// ORT's OrtArenaCfg, with its defaults; sizes in bytes.
struct ArenaOptions {
  size_t limit = 0;                             ///< max_mem; 0 = none
  Extend extend = Extend::kNextPowerOfTwo;      ///< arena_extend_strategy
  size_t initial_chunk = size_t{1} << 20;       ///< initial_chunk_size_bytes
  size_t max_dead = size_t{128} << 20;          ///< max_dead_bytes_per_chunk: larger rests are split off
  size_t initial_growth = size_t{2} << 20;      ///< initial_growth_chunk_size_bytes
  size_t max_power_of_two = size_t{1} << 30;    ///< max_power_of_two_extend_bytes
  bool pooled = true;                           ///< enable_cpu_mem_arena; false: every call goes to the system
  std::shared_ptr<MemoryAccount> account = {};  ///< charged for what is held from the system; may be null
};

/// Thread-safe. Chunks carry their header in front of the payload (64 bytes), are split and coalesced with neighbours.
class Arena final : public Allocator {
 public:
  explicit Arena(const ArenaOptions& options = {});
  ~Arena() override;
  void* alloc(size_t bytes, size_t alignment, void* stream) noexcept override;
  void free(void* p) noexcept override;
  void* reserve(size_t bytes, size_t alignment) noexcept override;
  AllocatorStats stats() const noexcept override;
  /// Gives back every region with no chunk in use, and the pages inside of large free chunks.
  void shrink() noexcept override;
  /// Tells the arena that a run is over. When the last runs needed much less than it holds, it shrinks by itself to
  /// what they needed; the longer it takes, the more often it had to grow again afterwards.
  void end_run() noexcept;

 private:
  struct Chunk;
  struct Region {
    void* base;
    size_t bytes;
  };
  static constexpr int kBins = 21;
  static int bin_of(size_t bytes) noexcept;
  Chunk* find(size_t bytes) noexcept;
  Chunk* extend(size_t bytes) noexcept;
  void* map(size_t bytes) noexcept;
  void unmap(void* p, size_t bytes) noexcept;
  void drop_idle(size_t keep) noexcept;
  void discard_free() noexcept;
  void split(Chunk* c, size_t bytes) noexcept;
  void link(Chunk* c) noexcept;
  void unlink(Chunk* c) noexcept;
  void* direct(size_t bytes, bool reserved) noexcept;
  bool fits(size_t bytes) const noexcept;
  void count(size_t held, size_t requested) noexcept;

  ArenaOptions options_;
  mutable OwnedForkMutex mutex_;
  Chunk* bins_[kBins] = {};
  std::vector<Region> regions_;
  size_t next_growth_;
  AllocatorStats stats_;
  // Of the window of runs that end_run() looks at.
  static constexpr int kWindow = 8, kLongestWindow = 4096;
  int window_ = kWindow, runs_ = 0;
  int64_t window_peak_ = 0;
  bool shrunk_ = false, grown_ = false;
};

}  // namespace tenon::memory
