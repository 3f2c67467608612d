// CancelToken: one flag and one deadline per run, polled per tile.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>

namespace tenon {

class CancelToken {
 public:
  using Clock = std::chrono::steady_clock;

  void cancel() noexcept { cancelled_.store(true, std::memory_order_relaxed); }
  void reset() noexcept {
    cancelled_.store(false, std::memory_order_relaxed);
    deadline_ = Clock::time_point::max();
    flag_ = nullptr;
  }
  void set_deadline(Clock::time_point t) noexcept { deadline_ = t; }
  /// A flag owned by the caller (RunOptions.terminate) that cancels as well; it must outlive the run.
  void watch(const std::atomic<bool>* flag) noexcept { flag_ = flag; }
  /// Cheap when no deadline is set: two loads.
  bool stopped() const noexcept {
    return cancelled_.load(std::memory_order_relaxed) || (flag_ && flag_->load(std::memory_order_relaxed)) ||
           (deadline_ != Clock::time_point::max() && Clock::now() >= deadline_);
  }
  /// Throws Error{kFail} with reason kCancelled or kDeadline when stopped().
  void check() const;

 private:
  std::atomic<bool> cancelled_{false};
  const std::atomic<bool>* flag_ = nullptr;
  Clock::time_point deadline_ = Clock::time_point::max();
};

/// Polls for loops that no Parallel cuts: a call per item, with its rough nanoseconds, looks at the token now and then.
class Poll {
 public:
  explicit Poll(const CancelToken* token) : token_(token) {}
  void operator()(int64_t ns) {
    if ((left_ -= ns) < 0) look();
  }

 private:
  void look() {
    left_ = kNs;
    if (token_) token_->check();
  }
  static constexpr int64_t kNs = 1'000'000;
  const CancelToken* token_;
  int64_t left_ = kNs;
};

}  // namespace tenon
