// Counts what a piece of code asks of malloc, new and mmap.
#pragma once
#include <cstdint>

namespace tenon::test {

/// Calls of malloc, calloc, realloc, memalign, aligned_alloc, posix_memalign and mmap by any thread so far; operator
/// new is among them. Always 0 in sanitizer builds, which bring an allocator of their own.
int64_t allocation_count();
/// Bytes in blocks that malloc and its relatives gave out and that were not freed: unlike mallinfo2 without the freed
/// blocks that each thread keeps for itself. Always 0 in sanitizer builds.
int64_t live_bytes();
/// False in sanitizer builds: a test of counts has nothing to say there.
bool counts_allocations();

}  // namespace tenon::test
