// Chunks in address order inside each region; free ones also hang in the bin of their size.
#include "memory/arena.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/pages.h"

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
  bool discarded;  // free, and its pages were given back

  void* payload() { return this + 1; }
  static Chunk* of(void* p) { return static_cast<Chunk*>(p) - 1; }
};

namespace {
constexpr size_t kRound = 256;
constexpr size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
constexpr size_t kPage = 4096;
constexpr size_t kLarge = size_t{1} << 20;
}  // namespace

Arena::Arena(const ArenaOptions& options) : options_(options), next_growth_(options.initial_chunk) {
  stats_.limit = options.limit ? static_cast<int64_t>(options.limit) : -1;
  regions_.reserve(64);
}

Arena::~Arena() {
  for (const Region& r : regions_) unmap(r.base, r.bytes);
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
  if (options_.limit && static_cast<size_t>(stats_.total_allocated) + bytes > options_.limit) return false;
  const MemoryAccount* a = options_.account.get();
  return !a || a->limit() == 0 || a->used() + bytes <= a->limit();
}

void* Arena::map(size_t bytes) noexcept {
  if (options_.limit && static_cast<size_t>(stats_.total_allocated) + bytes > options_.limit) {
    note_refusal("max_mem", options_.limit, static_cast<size_t>(stats_.total_allocated));
    return nullptr;
  }
  if (options_.account && !options_.account->take(bytes)) return nullptr;
  void* p = map_pages(bytes);
  if (p)
    stats_.total_allocated += static_cast<int64_t>(bytes);
  else if (options_.account)
    options_.account->give(bytes);
  return p;
}

void Arena::unmap(void* p, size_t bytes) noexcept {
  unmap_pages(p, bytes);
  stats_.total_allocated -= static_cast<int64_t>(bytes);
  if (options_.account) options_.account->give(bytes);
}

Arena::Chunk* Arena::extend(size_t bytes) noexcept {
  size_t want = round_up(bytes, kPage);
  // Idle regions are too small for this: a larger one takes their place.
  if (want >= kLarge || !fits(want)) drop_idle(0);
  if (options_.extend == Extend::kNextPowerOfTwo) {
    size_t grow = std::max(next_growth_, std::bit_ceil(want));
    if (want > options_.max_power_of_two) grow = want;
    grow = std::min(grow, std::max(want, options_.max_power_of_two));
    while (grow > want && !fits(grow)) grow = std::max(want, grow / 10 * 9 / kPage * kPage);
    want = grow;
  }
  void* base = map(want);
  if (!base) return nullptr;
  grown_ = true;
  next_growth_ = std::min(std::max(options_.initial_growth, next_growth_ * 2), options_.max_power_of_two);
  regions_.push_back({base, want});
  ++stats_.num_arena_extensions;
  auto* c = static_cast<Chunk*>(base);
  *c = Chunk{want, 0, 0, nullptr, nullptr, nullptr, nullptr, false, true};
  link(c);
  return c;
}

void Arena::split(Chunk* c, size_t bytes) noexcept {
  const size_t rest = c->bytes - bytes;
  if (rest < sizeof(Chunk) + kRound || (c->bytes < 2 * bytes && rest < options_.max_dead && rest < c->bytes / 8))
    return;
  auto* tail = reinterpret_cast<Chunk*>(reinterpret_cast<char*>(c) + bytes);
  *tail = Chunk{rest, 0, 0, c, c->after, nullptr, nullptr, false, c->discarded};
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
  window_peak_ = std::max(window_peak_, stats_.in_use);
  stats_.max_alloc_size = std::max(stats_.max_alloc_size, static_cast<int64_t>(requested));
}

void* Arena::direct(size_t bytes, bool reserved) noexcept {
  const size_t total = round_up(bytes + sizeof(Chunk), kPage);
  void* base = map(total);
  if (!base) return nullptr;
  auto* c = static_cast<Chunk*>(base);
  *c = Chunk{total, bytes, total, nullptr, nullptr, nullptr, nullptr, reserved, false};
  if (reserved) ++stats_.num_reserves;
  count(total, bytes);
  return c->payload();
}

void* Arena::alloc(size_t bytes, size_t alignment, void* /*stream*/) noexcept {
  if (alignment > 64 || bytes > SIZE_MAX / 4 || !allocation_allowed()) return nullptr;
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
  c->discarded = false;
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
    unmap(c, c->direct_bytes);
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
    b->discarded = false;
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

// Unmaps idle regions, the largest first, while `keep` bytes remain.
void Arena::drop_idle(size_t keep) noexcept {
  std::sort(regions_.begin(), regions_.end(), [](const Region& a, const Region& b) { return a.bytes > b.bytes; });
  std::erase_if(regions_, [&](const Region& r) {
    auto* c = static_cast<Chunk*>(r.base);
    if (c->requested || c->bytes != r.bytes) return false;
    if (static_cast<size_t>(stats_.total_allocated) < keep + r.bytes) return false;
    unlink(c);
    unmap(r.base, r.bytes);
    ++stats_.num_arena_shrinkages;
    return true;
  });
}

void Arena::discard_free() noexcept {
  for (Chunk* head : bins_)
    for (Chunk* c = head; c; c = c->next) {
      if (c->discarded || c->bytes < kLarge) continue;
      discard_pages(c->payload(), c->bytes - sizeof(Chunk));
      c->discarded = true;
    }
}

void Arena::shrink() noexcept {
  std::lock_guard lock(mutex_);
  drop_idle(0);
  discard_free();
  next_growth_ = options_.initial_chunk;
}

void Arena::end_run() noexcept {
  std::lock_guard lock(mutex_);
  if (++runs_ < window_) return;
  if (shrunk_ && grown_) window_ = std::min(window_ * 2, kLongestWindow);
  const auto need = static_cast<size_t>(window_peak_);
  const size_t keep = need + need / 4;
  shrunk_ = static_cast<size_t>(stats_.total_allocated) > keep + options_.initial_chunk;
  if (shrunk_) {
    drop_idle(keep);
    discard_free();
    next_growth_ = options_.initial_chunk;
  }
  grown_ = false;
  runs_ = 0;
  window_peak_ = stats_.in_use;
}

}  // namespace tenon::memory
