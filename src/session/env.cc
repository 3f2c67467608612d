// Process-wide state of sessions; nothing here has a destructor that runs at exit.
#include "session/env.h"

#include <atomic>
#include <mutex>

namespace tenon::session {
namespace {
std::atomic<int> g_severity{static_cast<int>(Severity::kWarning)};
}  // namespace

std::shared_ptr<ThreadPool> shared_pool() {
  static std::mutex mutex;
  static auto* held = new std::weak_ptr<ThreadPool>;
  std::lock_guard lock(mutex);
  auto pool = held->lock();
  if (!pool) {
    pool = std::make_shared<ThreadPool>(ThreadPool::Options{});
    *held = pool;
  }
  return pool;
}

Severity default_severity() { return static_cast<Severity>(g_severity.load()); }
void set_default_severity(Severity s) { g_severity.store(static_cast<int>(s)); }

}  // namespace tenon::session
