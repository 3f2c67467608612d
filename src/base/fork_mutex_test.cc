// A child after fork() finds mutexes free, whatever other threads were doing.
#include "base/fork_mutex.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

namespace tenon::base::fork_mutex_test {
namespace {

TEST(ForkMutex, AChildFindsThemFree) {
  std::array<OwnedForkMutex, 3> mutexes;
  std::atomic<bool> stop{false};
  std::thread busy([&] {  // holds one nearly all the time, two of them nested
    while (!stop) {
      for (auto& m : mutexes) {
        const std::lock_guard lock(m);
        if (&m != &mutexes[2]) continue;
        const std::lock_guard inner(mutexes[0]);
      }
    }
  });
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);  // a mutex that stays locked ends the child
      for (auto& m : mutexes) {
        m.lock();
        m.unlock();
      }
      _exit(0);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  busy.join();
}

TEST(ForkMutex, GoesFromTheList) {
  for (int i = 0; i < 3; ++i) {
    OwnedForkMutex a, b;
    EXPECT_TRUE(a.try_lock());
    a.unlock();
    { const std::lock_guard lock(b); }
    OwnedForkMutex never_locked;
  }
  const pid_t child = fork();
  if (child == 0) _exit(0);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace tenon::base::fork_mutex_test
