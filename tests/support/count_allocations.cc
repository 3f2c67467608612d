// Interposes the allocation functions of the C library in the test program.
#include "support/count_allocations.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TENON_OWN_ALLOCATOR 1
#endif
#endif
#else
#define TENON_OWN_ALLOCATOR 1
#endif

#ifdef TENON_OWN_ALLOCATOR

namespace tenon::test {
int64_t allocation_count() { return 0; }
bool counts_allocations() { return false; }
}  // namespace tenon::test

#else

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {
constinit std::atomic<int64_t> g_count{0};
}  // namespace

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t n) {
  g_count.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(n);
}
void* calloc(size_t n, size_t size) {
  g_count.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(n, size);
}
void* realloc(void* p, size_t n) {
  g_count.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(p, n);
}
void* aligned_alloc(size_t alignment, size_t n) {
  g_count.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, n);
}
int posix_memalign(void** p, size_t alignment, size_t n) {
  g_count.fetch_add(1, std::memory_order_relaxed);
  *p = __libc_memalign(alignment, n);
  return *p ? 0 : ENOMEM;
}
void* mmap(void* at, size_t n, int protection, int flags, int fd, off_t offset) noexcept {
  g_count.fetch_add(1, std::memory_order_relaxed);
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, n, protection, flags, fd, offset));
}
}

namespace tenon::test {
int64_t allocation_count() { return g_count.load(); }
bool counts_allocations() { return true; }
}  // namespace tenon::test

#endif
