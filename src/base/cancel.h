// CancelToken: one flag and one deadline per run, polled per tile.
#pragma once
#include <atomic>
#include <chrono>

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

}  // namespace tenon
