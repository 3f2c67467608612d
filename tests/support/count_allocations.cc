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
int64_t live_bytes() { return 0; }
bool counts_allocations() { return false; }
}  // namespace tenon::test

#else

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {
constinit std::atomic<int64_t> g_count{0}, g_live{0};

int64_t size_of(void* p) { return p ? static_cast<int64_t>(malloc_usable_size(p)) : 0; }
void* counted(void* p) {
  g_count.fetch_add(1, std::memory_order_relaxed);
  g_live.fetch_add(size_of(p), std::memory_order_relaxed);
  return p;
}
}  // namespace

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

void* malloc(size_t n) { return counted(__libc_malloc(n)); }
void* calloc(size_t n, size_t size) { return counted(__libc_calloc(n, size)); }
void* realloc(void* p, size_t n) {
  const int64_t old = size_of(p);
  void* const q = __libc_realloc(p, n);
  if (q || n == 0) g_live.fetch_sub(old, std::memory_order_relaxed);
  return counted(q);
}
void* memalign(size_t alignment, size_t n) { return counted(__libc_memalign(alignment, n)); }
void* aligned_alloc(size_t alignment, size_t n) { return memalign(alignment, n); }
int posix_memalign(void** p, size_t alignment, size_t n) {
  *p = memalign(alignment, n);
  return *p ? 0 : ENOMEM;
}
void free(void* p) {
  g_live.fetch_sub(size_of(p), std::memory_order_relaxed);
  __libc_free(p);
}
void* mmap(void* at, size_t n, int protection, int flags, int fd, off_t offset) noexcept {
  g_count.fetch_add(1, std::memory_order_relaxed);
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, n, protection, flags, fd, offset));
}
}

namespace tenon::test {
int64_t allocation_count() { return g_count.load(); }
int64_t live_bytes() { return g_live.load(); }
bool counts_allocations() { return true; }
}  // namespace tenon::test

#endif
