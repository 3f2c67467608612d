// Chunks in address order inside each region; free ones also hang in the bin of their size.
#include "memory/arena.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "memory/system.h"

namespace tenon::memory {

// In front of every payload. `bytes` counts header and payload; 0 in `region_bytes` marks a pooled chunk.
struct alignas(64) Arena::Chunk {
  size_t bytes;
  size_t requested;     // 0 = free
  size_t direct_bytes;  // > 0: a mapping of its own
  Chunk* before;        // neighbours in the region
  Chunk* after;
  Chunk* prev;  // neighbours in the bin
  Chunk* next;
  bool reserved;

  void* payload() { return this + 1; }
  static Chunk* of(void* p) { return static_cast<Chunk*>(p) - 1; }
};

namespace {
constexpr size_t kRound = 256;
constexpr size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
constexpr size_t kPage = 4096;
}  // namespace

Arena::Arena(const ArenaOptions& options) : options_(options), next_growth_(options.initial_chunk) {
  stats_.limit = options.limit ? static_cast<int64_t>(options.limit) : -1;
  regions_.reserve(64);
}

Arena::~Arena() {
  for (const Region& r : regions_) unmap_pages(r.base, r.bytes);
}

int Arena::bin_of(size_t bytes) noexcept {
  return std::min(kBins - 1, static_cast<int>(std::bit_width(bytes / kRound)) - 1);
}

void Arena::link(Chunk* c) noexcept {
  Chunk*& head = bins_[bin_of(c->bytes)];
  c->prev = nullptr;
  c->next = head;
  if (head) head->prev = c;
  head = c;
}

void Arena::unlink(Chunk* c) noexcept {
  if (c->prev)
    c->prev->next = c->next;
  else
    bins_[bin_of(c->bytes)] = c->next;
  if (c->next) c->next->prev = c->prev;
}

Arena::Chunk* Arena::find(size_t bytes) noexcept {
  for (int b = bin_of(bytes); b < kBins; ++b) {
    Chunk* best = nullptr;
    for (Chunk* c = bins_[b]; c; c = c->next)
      if (c->bytes >= bytes && (!best || c->bytes < best->bytes)) best = c;
    if (best) return best;
  }
  return nullptr;
}

bool Arena::fits(size_t bytes) const noexcept {
  return options_.limit == 0 || static_cast<size_t>(stats_.total_allocated) + bytes <= options_.limit;
}

Arena::Chunk* Arena::extend(size_t bytes) noexcept {
  size_t want = round_up(bytes, kPage);
  if (options_.extend == Extend::kNextPowerOfTwo) {
    size_t grow = std::max(next_growth_, std::bit_ceil(want));
    if (want > options_.max_power_of_two) grow = want;
    grow = std::min(grow, std::max(want, options_.max_power_of_two));
    while (grow > want && !fits(grow)) grow = std::max(want, grow / 10 * 9 / kPage * kPage);
    want = grow;
  }
  if (!fits(want)) return nullptr;
  void* base = map_pages(want);
  if (!base) return nullptr;
  next_growth_ = std::min(std::max(options_.initial_growth, next_growth_ * 2), options_.max_power_of_two);
  regions_.push_back({base, want});
  stats_.total_allocated += static_cast<int64_t>(want);
  ++stats_.num_arena_extensions;
  auto* c = static_cast<Chunk*>(base);
  *c = Chunk{want, 0, 0, nullptr, nullptr, nullptr, nullptr, false};
  link(c);
  return c;
}

void Arena::split(Chunk* c, size_t bytes) noexcept {
  const size_t rest = c->bytes - bytes;
  if (rest < sizeof(Chunk) + kRound || (c->bytes < 2 * bytes && rest < options_.max_dead && rest < c->bytes / 8))
    return;
  auto* tail = reinterpret_cast<Chunk*>(reinterpret_cast<char*>(c) + bytes);
  *tail = Chunk{rest, 0, 0, c, c->after, nullptr, nullptr, false};
  if (c->after) c->after->before = tail;
  c->after = tail;
  c->bytes = bytes;
  link(tail);
}

void Arena::count(size_t held, size_t requested) noexcept {
  ++stats_.num_allocs;
  stats_.in_use += static_cast<int64_t>(held);
  stats_.requested_in_use += static_cast<int64_t>(requested);
  stats_.max_in_use = std::max(stats_.max_in_use, stats_.in_use);
  stats_.max_alloc_size = std::max(stats_.max_alloc_size, static_cast<int64_t>(requested));
}

void* Arena::direct(size_t bytes, bool reserved) noexcept {
  const size_t total = round_up(bytes + sizeof(Chunk), kPage);
  if (!fits(total)) return nullptr;
  void* base = map_pages(total);
  if (!base) return nullptr;
  auto* c = static_cast<Chunk*>(base);
  *c = Chunk{total, bytes, total, nullptr, nullptr, nullptr, nullptr, reserved};
  stats_.total_allocated += static_cast<int64_t>(total);
  if (reserved) ++stats_.num_reserves;
  count(total, bytes);
  return c->payload();
}

void* Arena::alloc(size_t bytes, size_t alignment, void* /*stream*/) noexcept {
  if (alignment > 64 || bytes > SIZE_MAX / 4) return nullptr;
  bytes = std::max<size_t>(bytes, 1);
  std::lock_guard lock(mutex_);
  if (!options_.pooled) return direct(bytes, false);
  const size_t need = round_up(bytes + sizeof(Chunk), kRound);
  Chunk* c = find(need);
  if (!c) c = extend(need);
  if (!c) return nullptr;
  unlink(c);
  split(c, need);
  c->requested = bytes;
  count(c->bytes, bytes);
  return c->payload();
}

void* Arena::reserve(size_t bytes, size_t alignment) noexcept {
  if (alignment > 64 || bytes > SIZE_MAX / 4) return nullptr;
  std::lock_guard lock(mutex_);
  return direct(std::max<size_t>(bytes, 1), true);
}

void Arena::free(void* p) noexcept {
  if (!p) return;
  std::lock_guard lock(mutex_);
  Chunk* c = Chunk::of(p);
  stats_.in_use -= static_cast<int64_t>(c->bytes);
  stats_.requested_in_use -= static_cast<int64_t>(c->requested);
  if (c->direct_bytes) {
    stats_.total_allocated -= static_cast<int64_t>(c->direct_bytes);
    unmap_pages(c, c->direct_bytes);
    return;
  }
  c->requested = 0;
  if (Chunk* a = c->after; a && a->requested == 0) {
    unlink(a);
    c->bytes += a->bytes;
    c->after = a->after;
    if (c->after) c->after->before = c;
  }
  if (Chunk* b = c->before; b && b->requested == 0) {
    unlink(b);
    b->bytes += c->bytes;
    b->after = c->after;
    if (b->after) b->after->before = b;
    c = b;
  }
  link(c);
}

AllocatorStats Arena::stats() const noexcept {
  std::lock_guard lock(mutex_);
  return stats_;
}

void Arena::shrink() noexcept {
  std::lock_guard lock(mutex_);
  std::erase_if(regions_, [&](const Region& r) {
    auto* c = static_cast<Chunk*>(r.base);
    if (c->requested || c->bytes != r.bytes) return false;
    unlink(c);
    unmap_pages(r.base, r.bytes);
    stats_.total_allocated -= static_cast<int64_t>(r.bytes);
    ++stats_.num_arena_shrinkages;
    return true;
  });
  next_growth_ = options_.initial_chunk;
}

}  // namespace tenon::memory
