// The list of mutexes that a fork waits for.
#include "base/fork_mutex.h"

#include <pthread.h>
#include <sched.h>

namespace tenon {

// Never destroyed, and constant-initialised: mutexes may be locked before main and while the process exits.
struct ForkList {
  std::mutex mutex;
  ForkMutex* first = nullptr;
  bool handled = false;

  // All or none: waiting for one while holding others could deadlock with a thread that nests them.
  bool lock_all() {
    for (ForkMutex* m = first; m; m = m->next_) {
      if (m->mutex_.try_lock()) continue;
      for (ForkMutex* back = first; back != m; back = back->next_) back->mutex_.unlock();
      return false;
    }
    return true;
  }
  void unlock_all() {
    for (ForkMutex* m = first; m; m = m->next_) m->mutex_.unlock();
  }

  static void before();
  static void in_parent();
  static void in_child();
};

namespace {
constinit ForkList g_list;
}  // namespace

void ForkList::before() {
  for (;;) {
    g_list.mutex.lock();
    if (g_list.lock_all()) return;
    g_list.mutex.unlock();
    sched_yield();
  }
}

void ForkList::in_parent() {
  g_list.unlock_all();
  g_list.mutex.unlock();
}

void ForkList::in_child() { in_parent(); }  // the thread that locked them is the one that lives on

void ForkMutex::enlist() {
  const std::lock_guard lock(g_list.mutex);
  if (listed_.load(std::memory_order_relaxed)) return;
  if (!g_list.handled) {
    g_list.handled = true;
    pthread_atfork(&ForkList::before, &ForkList::in_parent, &ForkList::in_child);
  }
  next_ = g_list.first;
  if (next_) next_->previous_ = this;
  g_list.first = this;
  listed_.store(true, std::memory_order_release);
}

void ForkMutex::forget() noexcept {
  if (!listed_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(g_list.mutex);
  if (next_) next_->previous_ = previous_;
  (previous_ ? previous_->next_ : g_list.first) = next_;
}

}  // namespace tenon
