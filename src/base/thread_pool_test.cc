// Loops cover their range once, carry exceptions home, nest, survive fork, and honour cancellation.
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"

namespace tenon::base::thread_pool_test {
namespace {

TEST(ThreadPool, CoversEveryItemOnce) {
  for (int threads : {1, 2, 8}) {
    ThreadPool pool({.threads = threads});
    for (int64_t n : {0, 1, 2, 7, 1000, 100000}) {
      std::vector<std::atomic<int>> seen(static_cast<size_t>(n));
      pool.parallel_for(n, 50.0, nullptr, [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) seen[static_cast<size_t>(i)]++;
      });
      for (auto& s : seen) ASSERT_EQ(s.load(), 1) << threads << " threads, n " << n;
    }
  }
}

TEST(ThreadPool, BlocksDoNotDependOnThreads) {
  std::vector<std::vector<std::pair<int64_t, int64_t>>> cuts;
  for (int threads : {2, 8}) {
    ThreadPool pool({.threads = threads});
    std::mutex m;
    std::vector<std::pair<int64_t, int64_t>> seen;
    pool.parallel_for(100000, 3.0, nullptr, [&](int64_t b, int64_t e) {
      std::lock_guard lock(m);
      seen.emplace_back(b, e);
    });
    std::sort(seen.begin(), seen.end());
    cuts.push_back(seen);
  }
  EXPECT_GT(cuts[0].size(), 1u);
  EXPECT_EQ(cuts[0], cuts[1]);
}

TEST(ThreadPool, ExceptionComesToTheCallerOnly) {
  ThreadPool pool({.threads = 4});
  EXPECT_THROW(pool.parallel_blocks(100, 1, nullptr,
                                    [](int64_t b, int64_t) {
                                      if (b == 57) fail("block {}", b);
                                    }),
               Error);
  std::atomic<int> n{0};
  pool.parallel_blocks(100, 1, nullptr, [&](int64_t, int64_t) { n++; });
  EXPECT_EQ(n.load(), 100);
}

TEST(ThreadPool, NestedLoopsRunInline) {
  ThreadPool pool({.threads = 3});
  std::atomic<int64_t> sum{0};
  pool.parallel_blocks(20, 1, nullptr, [&](int64_t, int64_t) {
    const auto outer = std::this_thread::get_id();
    pool.parallel_blocks(50, 1, nullptr, [&](int64_t, int64_t) {
      EXPECT_EQ(std::this_thread::get_id(), outer);
      sum++;
    });
  });
  EXPECT_EQ(sum.load(), 1000);
}

TEST(ThreadPool, ManyCallersAtOnce) {
  ThreadPool pool({.threads = 2});
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 8; ++t)
    callers.emplace_back([&] {
      for (int k = 0; k < 50; ++k) pool.parallel_blocks(64, 4, nullptr, [&](int64_t b, int64_t e) { sum += e - b; });
    });
  for (auto& c : callers) c.join();
  EXPECT_EQ(sum.load(), 8 * 50 * 64);
}

TEST(ThreadPool, CancelEndsTheLoop) {
  ThreadPool pool({.threads = 2});
  CancelToken token;
  std::atomic<int> ran{0};
  try {
    pool.parallel_blocks(1'000'000, 1, &token, [&](int64_t, int64_t) {
      if (++ran == 10) token.cancel();
    });
    FAIL() << "not cancelled";
  } catch (const Error& e) {
    EXPECT_EQ(e.reason(), ErrorReason::kCancelled);
  }
  EXPECT_LT(ran.load(), 100);
}

TEST(ThreadPool, WorksInAForkedChild) {
  ThreadPool pool({.threads = 2});
  pool.parallel_blocks(10, 1, nullptr, [](int64_t, int64_t) {});
  const pid_t child = fork();
  if (child == 0) {
    std::atomic<int> n{0};
    pool.parallel_blocks(100, 1, nullptr, [&](int64_t, int64_t) { n++; });
    _exit(n.load() == 100 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(ThreadPool, AffinityIsChecked) {
  EXPECT_NO_THROW(ThreadPool({.threads = 2, .affinity = "1"}));
  for (const char* bad : {"1;1", "x", "0", "2-1", "1,", "1 2"})
    EXPECT_THROW(ThreadPool({.threads = 2, .affinity = bad}), Error) << bad;
}

}  // namespace
}  // namespace tenon::base::thread_pool_test
