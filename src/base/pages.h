// Pages from the operating system.
#pragma once
#include <cstddef>

namespace tenon {

/// Zeroed pages (huge ones advised from 4 MiB up), or null.
void* map_pages(size_t bytes) noexcept;
void unmap_pages(void* p, size_t bytes) noexcept;
/// The system may take the contents of the whole pages inside [p, p + bytes) back; the address range stays usable.
/// Private memory reads as zeros afterwards, a mapped file is read again.
void discard_pages(void* p, size_t bytes) noexcept;

/// 64-byte aligned memory for one large object, or null: pages of its own from 256 KiB up, so that freeing it gives it
/// back to the system.
void* allocate_block(size_t bytes) noexcept;
void free_block(void* p, size_t bytes) noexcept;  ///< with the same size

}  // namespace tenon
