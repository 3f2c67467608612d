// OrtArenaCfg by name, and the counters under ORT's names.
#include "base/error.h"
#include "memory/arena.h"

namespace tenon {

void ArenaConfig::set(const std::string& name, int64_t value) {
  struct Field {
    const char* name;
    int64_t ArenaConfig::*field;
  };
  static constexpr Field kFields[] = {
      {"initial_chunk_size_bytes", &ArenaConfig::initial_chunk_size_bytes},
      {"max_dead_bytes_per_chunk", &ArenaConfig::max_dead_bytes_per_chunk},
      {"initial_growth_chunk_size_bytes", &ArenaConfig::initial_growth_chunk_size_bytes},
      {"max_power_of_two_extend_bytes", &ArenaConfig::max_power_of_two_extend_bytes},
  };
  if (value < -1) fail("arena option {}: {} found, expected -1 (default) or a size", name, value);
  if (name == "max_mem") {
    max_mem = value < 0 ? 0 : static_cast<size_t>(value);
    return;
  }
  if (name == "arena_extend_strategy") {
    if (value > 1) fail("arena_extend_strategy: {} found, expected 0 (next power of two) or 1 (as requested)", value);
    arena_extend_strategy = static_cast<int>(value);
    return;
  }
  std::string known = "max_mem, arena_extend_strategy";
  for (const Field& f : kFields) {
    if (name == f.name) {
      this->*f.field = value;
      return;
    }
    known += std::string(", ") + f.name;
  }
  fail("unknown arena option \"{}\"; known: {}", name, known);
}

std::shared_ptr<Allocator> make_arena(const ArenaConfig& c) {
  memory::ArenaOptions o;
  const auto read = [](const char* name, int64_t value, size_t* to) {
    if (value < -1) fail("arena option {}: {} found, expected -1 (default) or a size", name, value);
    if (value >= 0) *to = static_cast<size_t>(value);
  };
  if (c.arena_extend_strategy < -1 || c.arena_extend_strategy > 1)
    fail("arena_extend_strategy: {} found, expected 0 (next power of two) or 1 (as requested)",
         c.arena_extend_strategy);
  o.limit = c.max_mem;
  if (c.arena_extend_strategy == 1) o.extend = memory::Extend::kSameAsRequested;
  read("initial_chunk_size_bytes", c.initial_chunk_size_bytes, &o.initial_chunk);
  read("max_dead_bytes_per_chunk", c.max_dead_bytes_per_chunk, &o.max_dead);
  read("initial_growth_chunk_size_bytes", c.initial_growth_chunk_size_bytes, &o.initial_growth);
  read("max_power_of_two_extend_bytes", c.max_power_of_two_extend_bytes, &o.max_power_of_two);
  return std::make_shared<memory::Arena>(o);
}

std::vector<std::pair<std::string, std::string>> statistics(const AllocatorStats& s) {
  const auto text = [](int64_t v) { return std::to_string(v); };
  return {{"Limit", text(s.limit)},
          {"InUse", text(s.in_use)},
          {"TotalAllocated", text(s.total_allocated)},
          {"MaxInUse", text(s.max_in_use)},
          {"NumAllocs", text(s.num_allocs)},
          {"NumReserves", text(s.num_reserves)},
          {"NumArenaExtensions", text(s.num_arena_extensions)},
          {"NumArenaShrinkages", text(s.num_arena_shrinkages)},
          {"MaxAllocSize", text(s.max_alloc_size)},
          {"RequestedInUse", text(s.requested_in_use)}};
}

}  // namespace tenon
