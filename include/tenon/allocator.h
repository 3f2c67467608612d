// Allocator: the one interface of arenas, device memory, user-registered and accounting allocators.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "tenon/export.h"
#include "tenon/value.h"

namespace tenon {

/// Counters of an allocator, with the meaning of ORT's keys (InUse, MaxInUse, ...); bytes or counts.
struct AllocatorStats {
  int64_t limit = -1;                ///< Limit; -1 = none
  int64_t in_use = 0;                ///< InUse: bytes handed out, rounded
  int64_t requested_in_use = 0;      ///< RequestedInUse
  int64_t total_allocated = 0;       ///< TotalAllocated: bytes held from the system
  int64_t max_in_use = 0;            ///< MaxInUse
  int64_t max_alloc_size = 0;        ///< MaxAllocSize
  int64_t num_allocs = 0;            ///< NumAllocs
  int64_t num_reserves = 0;          ///< NumReserves
  int64_t num_arena_extensions = 0;  ///< NumArenaExtensions
  int64_t num_arena_shrinkages = 0;  ///< NumArenaShrinkages
};

/// Thread-safe. Every method is noexcept: failure is a null pointer, the caller raises the error.
class TENON_API Allocator {
 public:
  virtual ~Allocator() = default;
  /// At least `bytes` bytes aligned to `alignment` (a power of two ≤ 4096), or null. `stream` is opaque, null = host
  /// order.
  virtual void* alloc(size_t bytes, size_t alignment, void* stream) noexcept = 0;
  virtual void free(void* p) noexcept = 0;
  /// Memory outside any arena, for weights that live as long as the session; freed by free().
  virtual void* reserve(size_t bytes, size_t alignment) noexcept { return alloc(bytes, alignment, nullptr); }
  virtual AllocatorStats stats() const noexcept { return {}; }
  /// Returns unused memory to the system.
  virtual void shrink() noexcept {}
  virtual Device device() const noexcept { return {}; }
  virtual std::string name() const { return "Cpu"; }
};

}  // namespace tenon
