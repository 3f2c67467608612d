// Accounted: an allocator of somebody else, booked in a session's account.
#pragma once
#include <memory>

#include "base/accounting.h"
#include "tenon/allocator.h"

namespace tenon::memory {

/// Charges what is asked for; a header in front of each block remembers it.
class Accounted final : public Allocator {
 public:
  Accounted(std::shared_ptr<Allocator> inner, std::shared_ptr<MemoryAccount> account)
      : inner_(std::move(inner)), account_(std::move(account)) {}
  void* alloc(size_t bytes, size_t alignment, void* stream) noexcept override;
  void free(void* p) noexcept override;
  AllocatorStats stats() const noexcept override { return inner_->stats(); }
  void shrink() noexcept override { inner_->shrink(); }
  Device device() const noexcept override { return inner_->device(); }
  std::string name() const override { return inner_->name(); }

 private:
  std::shared_ptr<Allocator> inner_;
  std::shared_ptr<MemoryAccount> account_;
};

}  // namespace tenon::memory
