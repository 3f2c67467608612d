// mmap, munmap, madvise.
#include "base/pages.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

#include "base/accounting.h"

namespace tenon {

void* map_pages(size_t bytes) noexcept {
  if (!allocation_allowed()) return nullptr;
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  if (bytes >= (size_t{4} << 20)) madvise(p, bytes, MADV_HUGEPAGE);
  return p;
}

void unmap_pages(void* p, size_t bytes) noexcept { munmap(p, bytes); }

void discard_pages(void* p, size_t bytes) noexcept {
  constexpr uintptr_t kPage = 4096;
  const auto at = reinterpret_cast<uintptr_t>(p);
  const uintptr_t begin = (at + kPage - 1) / kPage * kPage, end = (at + bytes) / kPage * kPage;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

namespace {
constexpr size_t kOwnPages = size_t{256} << 10;
}

void* allocate_block(size_t bytes) noexcept {
  if (bytes >= kOwnPages) return map_pages(bytes);
  return allocation_allowed() ? std::aligned_alloc(64, (bytes + 64) / 64 * 64) : nullptr;
}

void free_block(void* p, size_t bytes) noexcept {
  if (bytes >= kOwnPages)
    unmap_pages(p, bytes);
  else
    std::free(p);
}

}  // namespace tenon
