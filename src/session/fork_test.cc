// fork() while other threads run: the child runs the sessions that it inherits, destroys them, makes new ones, and ends
// as programs do.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "base/error.h"
#include "support/count_allocations.h"
#include "support/modes.h"

namespace tenon::session::fork_test {
namespace {

using test::modes;

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TENON_NO_THREADS_AFTER_FORK 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define TENON_NO_THREADS_AFTER_FORK 1
#endif

/// Runs, destroys and creates; the answer is the exit status.
int as_child(std::vector<std::unique_ptr<Session>>& inherited, const std::vector<Value>& feeds,
             const std::vector<std::vector<Value>>& want) {
  try {
    for (size_t m = 0; m < inherited.size(); ++m)
      for (int k = 0; k < 3; ++k)
        if (!test::same_bits(test::mode_run(*inherited[m], feeds), want[m])) return 10 + static_cast<int>(m);
    inherited.clear();
    for (size_t m = 0; m < modes().size(); ++m) {
      const Session own = test::mode_session(modes()[m].options);
      if (!test::same_bits(test::mode_run(own, feeds), want[m])) return 20 + static_cast<int>(m);
    }
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "child: %s\n", e.what());
    return 30;
  }
}

TEST(Fork, WhileOtherThreadsRun) {
#ifdef TENON_NO_THREADS_AFTER_FORK
  GTEST_SKIP() << "TSan ends a forked child that starts threads";
#endif
  const auto feeds = test::mode_feeds(8, 2);
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<std::vector<Value>> want;
  for (const auto& mode : modes()) {
    sessions.push_back(std::make_unique<Session>(test::mode_session(mode.options)));
    for (int k = 0; k < 4; ++k) test::mode_run(*sessions.back(), feeds);  // lanes come after some runs
    want.push_back(test::mode_run(*sessions.back(), feeds));
  }
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (size_t m = 0; m < modes().size(); ++m)
    threads.emplace_back([&, m] {
      for (size_t k = 0; !stop; ++k) {
        test::mode_run(*sessions[m], test::mode_feeds(test::kModeBatches[k % 5], 0));
        if (k % 16 == 0) test::mode_session(modes()[m].options);
      }
    });
  std::fflush(nullptr);  // or the children write it again
  for (int k = 0; k < 12; ++k) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(60);  // whatever waits for ever ends the child
      const int status = as_child(sessions, feeds, want);
      // A leak checker would find what threads of the parent had in use.
      if (k % 2 && test::counts_allocations()) std::exit(status);
      _exit(status);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "child " << k;
  }
  stop = true;
  for (auto& t : threads) t.join();
}

}  // namespace
}  // namespace tenon::session::fork_test
