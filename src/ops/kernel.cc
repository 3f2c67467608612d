// Packing without a store: the kernel owns the bytes.
#include "ops/kernel.h"

#include <cstdlib>

namespace tenon::ops {

std::shared_ptr<const void> NodeInfo::pack(const Value& weight, std::string_view kind, size_t bytes,
                                           FunctionRef<void(void*)> fill) const {
  if (store) return store->packed(weight, kind, bytes, fill);
  const size_t size = (bytes + 63) / 64 * 64 + 64;
  void* p = std::aligned_alloc(64, size);
  if (!p) fail_out_of_memory(size, "a packed weight");
  std::shared_ptr<void> made(p, [](void* q) { std::free(q); });
  fill(p);
  return made;
}

}  // namespace tenon::ops
