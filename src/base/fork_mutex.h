// ForkMutex: a mutex that a child after fork() finds free.
#pragma once
#include <atomic>
#include <mutex>

namespace tenon {

/// As std::mutex. A fork() waits until no thread holds one, so that a child, where only the forking thread lives on,
/// never meets one that is held for ever by a thread that is not there. A thread that forks must hold none.
/// Has no destructor of its own, for globals that outlive exit; other owners use OwnedForkMutex.
class ForkMutex {
 public:
  constexpr ForkMutex() noexcept = default;
  ForkMutex(const ForkMutex&) = delete;
  ForkMutex& operator=(const ForkMutex&) = delete;

  void lock() {
    if (!listed_.load(std::memory_order_acquire)) enlist();
    mutex_.lock();
  }
  bool try_lock() {
    if (!listed_.load(std::memory_order_acquire)) enlist();
    return mutex_.try_lock();
  }
  void unlock() { mutex_.unlock(); }

 protected:
  void forget() noexcept;

 private:
  friend struct ForkList;
  void enlist();

  std::mutex mutex_;
  std::atomic<bool> listed_{false};
  ForkMutex* next_ = nullptr;
  ForkMutex* previous_ = nullptr;
};

class OwnedForkMutex : public ForkMutex {
 public:
  OwnedForkMutex() = default;
  ~OwnedForkMutex() { forget(); }
};

}  // namespace tenon
