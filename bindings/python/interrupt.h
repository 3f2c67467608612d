// interrupt.h: Ctrl-C ends a load or a run that holds the main thread.
#pragma once
#include <atomic>

namespace tenon::bindings {

/// While alive, SIGINT also sets `flag`, which a load or run polls. Active on the main thread and under Python's own
/// KeyboardInterrupt handler only: a handler of the program's decides for itself. Made with the GIL held.
class InterruptGuard {
 public:
  explicit InterruptGuard(std::atomic<bool>& flag);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// With the GIL held: throws KeyboardInterrupt when SIGINT came while the guard was alive.
  void rethrow();

 private:
  bool active_ = false;
  std::atomic<bool>& flag_;
};

}  // namespace tenon::bindings
