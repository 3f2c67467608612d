// The header keeps the payload's alignment: it is as large as the alignment, at least 64 bytes.
#include "memory/accounted.h"

#include <algorithm>
#include <new>

namespace tenon::memory {
namespace {

struct Header {
  void* block;
  size_t bytes;
};

}  // namespace

void* Accounted::alloc(size_t bytes, size_t alignment, void* stream) noexcept {
  const size_t head = std::max<size_t>(alignment, 64);
  if (bytes > SIZE_MAX / 4 || !allocation_allowed() || !account_->take(bytes)) return nullptr;
  auto* block = static_cast<char*>(inner_->alloc(bytes + head, head, stream));
  if (!block) {
    account_->give(bytes);
    return nullptr;
  }
  char* p = block + head;
  new (p - sizeof(Header)) Header{block, bytes};
  return p;
}

void Accounted::free(void* p) noexcept {
  if (!p) return;
  const Header h = *reinterpret_cast<Header*>(static_cast<char*>(p) - sizeof(Header));
  account_->give(h.bytes);
  inner_->free(h.block);
}

}  // namespace tenon::memory
