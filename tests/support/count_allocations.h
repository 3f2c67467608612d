// Counts what a piece of code asks of malloc, new and mmap.
#pragma once
#include <cstdint>

namespace tenon::test {

/// Calls of malloc, calloc, realloc, aligned_alloc, posix_memalign and mmap by any thread so far; operator new is among
/// them. Always 0 in sanitizer builds, which bring an allocator of their own.
int64_t allocation_count();
/// False in sanitizer builds: a test of counts has nothing to say there.
bool counts_allocations();

}  // namespace tenon::test
