// Accounting of memory: a session's use against its limit, why an allocation was refused, and failures on purpose.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tenon {

/// What one session holds: weights, arena and frames. Thread-safe.
class MemoryAccount {
 public:
  /// `limit` in bytes, 0 = none; `name` is said in errors and must outlive the account.
  explicit MemoryAccount(size_t limit = 0, const char* name = "tenon.memory_limit_bytes")
      : limit_(limit), name_(name) {}
  /// Books `bytes`, or notes the refusal (see fail_out_of_memory) and returns false.
  bool take(size_t bytes) noexcept;
  void give(size_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  size_t peak() const noexcept { return peak_.load(std::memory_order_relaxed); }
  size_t limit() const noexcept { return limit_; }

 private:
  const size_t limit_;
  const char* const name_;
  std::atomic<size_t> used_{0}, peak_{0};
};

/// Says why the allocation that this thread asks for is about to fail: fail_out_of_memory() then names the limit.
void note_refusal(const char* limit, size_t limit_bytes, size_t used) noexcept;

/// For tests: the allocation after the next `n` ones fails once (n < 0: none). Counts what sessions take: pages, arena
/// blocks, packed weights, tensors.
void fail_allocation_after(int64_t n) noexcept;
/// True once fail_allocation_after has had its effect.
bool allocation_has_failed() noexcept;
/// Asked at the head of every such allocation.
bool allocation_allowed() noexcept;

}  // namespace tenon
