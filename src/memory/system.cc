// mmap, munmap, madvise.
#include "memory/system.h"

#include <sys/mman.h>

namespace tenon::memory {

void* map_pages(size_t bytes) noexcept {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  if (bytes >= (size_t{4} << 20)) madvise(p, bytes, MADV_HUGEPAGE);
  return p;
}

void unmap_pages(void* p, size_t bytes) noexcept { munmap(p, bytes); }

void discard_pages(void* p, size_t bytes) noexcept { madvise(p, bytes, MADV_DONTNEED); }

}  // namespace tenon::memory
