// Allocator: the one interface of arenas, device memory, user-registered and accounting allocators.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

/// The counters under ORT's names, in its order: {"Limit", "-1"}, {"InUse", "1024"}, ...
TENON_API std::vector<std::pair<std::string, std::string>> statistics(const AllocatorStats& s);

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

/// ORT's OrtArenaCfg: the same names; -1 (max_mem: 0) stands for the default.
struct TENON_API ArenaConfig {
  size_t max_mem = 0;                            ///< limit in bytes; 0 = none
  int arena_extend_strategy = -1;                ///< 0 = kNextPowerOfTwo (default), 1 = kSameAsRequested
  int64_t initial_chunk_size_bytes = -1;         ///< 1 MiB
  int64_t max_dead_bytes_per_chunk = -1;         ///< 128 MiB
  int64_t initial_growth_chunk_size_bytes = -1;  ///< 2 MiB
  int64_t max_power_of_two_extend_bytes = -1;    ///< 1 GiB
  /// Sets one field by its name; throws kInvalidArgument for an unknown name or a value out of range.
  void set(const std::string& name, int64_t value);
};

/// An arena over the host's memory. Throws kInvalidArgument for values out of range.
TENON_API std::shared_ptr<Allocator> make_arena(const ArenaConfig& config = {});

// Allocators of the process, one per device. Sessions with session.use_env_allocators = 1 take the host's intermediate
// results and results from the one that is registered when they are made, instead of from an arena of their own.

/// make_arena + register_allocator. Only the host: kNotImplemented for another device.
TENON_API void create_and_register_allocator(const Device& device = {}, const ArenaConfig& config = {});
/// kInvalidArgument when the device of `a` has one already. Sessions keep it alive.
TENON_API void register_allocator(std::shared_ptr<Allocator> a);
/// kInvalidArgument when the device has none. Sessions that use it go on.
TENON_API void unregister_allocator(const Device& device = {});
/// The one of this device, or null.
TENON_API std::shared_ptr<Allocator> registered_allocator(const Device& device = {});

}  // namespace tenon
