// Compare-and-swap on one number; a refusal waits in thread-local plain data for the error that tells it.
#include "base/accounting.h"

#include <utility>

#include "base/error.h"

namespace tenon {
namespace {

struct Refusal {
  const char* limit;
  size_t limit_bytes, used;
};
thread_local constinit Refusal t_refusal{};

constexpr int64_t kNever = INT64_MIN;
constinit std::atomic<int64_t> g_countdown{kNever};

}  // namespace

bool MemoryAccount::take(size_t bytes) noexcept {
  size_t now = used_.load(std::memory_order_relaxed);
  do {
    if (limit_ && (bytes > limit_ || now > limit_ - bytes)) {
      note_refusal(name_, limit_, now);
      return false;
    }
  } while (!used_.compare_exchange_weak(now, now + bytes, std::memory_order_relaxed));
  size_t peak = peak_.load(std::memory_order_relaxed);
  while (peak < now + bytes && !peak_.compare_exchange_weak(peak, now + bytes, std::memory_order_relaxed)) {
  }
  return true;
}

void note_refusal(const char* limit, size_t limit_bytes, size_t used) noexcept {
  t_refusal = {limit, limit_bytes, used};
}

void fail_allocation_after(int64_t n) noexcept { g_countdown.store(n < 0 ? kNever : n); }
bool allocation_has_failed() noexcept { return g_countdown.load() == -1; }

bool allocation_allowed() noexcept {
  int64_t now = g_countdown.load(std::memory_order_relaxed);
  if (now < 0) return true;
  while (now >= 0)
    if (g_countdown.compare_exchange_weak(now, now - 1)) return now != 0;
  return true;
}

void fail_out_of_memory(size_t bytes, const char* what) {
  const Refusal r = std::exchange(t_refusal, {});
  if (!r.limit)
    throw Error(ErrorCode::kRuntimeException, fmt::format("out of memory: {} bytes for {}", bytes, what),
                ErrorReason::kOutOfMemory);
  throw Error(ErrorCode::kRuntimeException,
              fmt::format("out of memory: {} bytes for {}: {} of {} allowed bytes are in use (limit: {})", bytes, what,
                          r.used, r.limit_bytes, r.limit),
              ErrorReason::kLimit, r.limit);
}

}  // namespace tenon
