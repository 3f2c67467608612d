// Packs under a latch per entry, so that other weights can be packed meanwhile.
#include "memory/weight_store.h"

#include <cstdlib>

#include "base/error.h"
#include "memory/system.h"

namespace tenon::memory {

std::shared_ptr<const void> WeightStore::packed(const Value& weight, std::string_view kind, size_t bytes,
                                                FunctionRef<void(void*)> fill) {
  std::shared_ptr<Entry> entry;
  {
    std::lock_guard lock(mutex_);
    auto& slot = entries_[{weight.data(), std::string(kind)}];
    if (!slot) slot = std::make_shared<Entry>();
    entry = slot;
  }
  std::lock_guard latch(entry->latch);
  if (auto held = entry->packed.lock()) return held;
  constexpr size_t kOwnPages = size_t{64} << 10;
  const size_t size = (bytes + 63) / 64 * 64 + 64;
  const bool mapped = size >= kOwnPages;
  void* p = mapped ? map_pages(size) : std::aligned_alloc(64, size);
  if (!p) fail_out_of_memory(size, "a packed weight");
  // Keeping the weight's handle keeps its address unique while the packed copy lives.
  std::shared_ptr<void> made(p, [size, mapped, weight](void* q) {
    if (mapped)
      unmap_pages(q, size);
    else
      std::free(q);
  });
  fill(p);
  entry->packed = made;
  return made;
}

}  // namespace tenon::memory
