// GuardedMemory: an address space of its own, closed to everybody who has not opened it.
#pragma once
#include <cstddef>
#include <map>
#include <memory>

#include "base/fork_mutex.h"
#include "tenon/allocator.h"

namespace tenon::memory {

/// Memory of a device that exists in software only: its pages fault on every access while nobody holds it open. For
/// tests of everything that must not touch device memory from the host. Thread-safe.
class GuardedMemory final : public Allocator {
 public:
  /// Reserves `capacity` bytes of addresses; pages are used as they are written.
  GuardedMemory(const Device& device, std::string name, size_t capacity = size_t{1} << 32);
  ~GuardedMemory() override;

  void* alloc(size_t bytes, size_t alignment, void* stream) noexcept override;
  void free(void* p) noexcept override;
  AllocatorStats stats() const noexcept override;
  Device device() const noexcept override { return device_; }
  std::string name() const override { return name_; }

  /// The memory that holds this address, or null.
  static GuardedMemory* holding(const void* p);

  /// Keeps the pages readable and writable while it lives. Opening nothing (null) is fine.
  class Open {
   public:
    explicit Open(GuardedMemory* m) : memory_(m) {
      if (m) m->open();
    }
    ~Open() {
      if (memory_) memory_->close();
    }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;

   private:
    GuardedMemory* memory_;
  };

 private:
  void open();
  void close();

  Device device_;
  std::string name_;
  char* base_ = nullptr;
  size_t capacity_, used_ = 0;  ///< pages behind used_ have never been handed out
  mutable OwnedForkMutex mutex_;
  int open_ = 0;
  size_t opened_ = 0;               ///< bytes that are accessible now
  std::map<size_t, size_t> free_;   ///< offset → bytes
  std::map<size_t, size_t> taken_;  ///< offset → bytes
  AllocatorStats stats_;
};

}  // namespace tenon::memory
