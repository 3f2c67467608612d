// Pages from the operating system.
#pragma once
#include <cstddef>

namespace tenon::memory {

/// Zeroed pages (huge ones advised from 4 MiB up), or null.
void* map_pages(size_t bytes) noexcept;
void unmap_pages(void* p, size_t bytes) noexcept;
/// The kernel may take the contents of these whole pages back; the address range stays usable.
void discard_pages(void* p, size_t bytes) noexcept;

}  // namespace tenon::memory
