// Sixteen threads on one session, sessions made and destroyed meanwhile, runs that fail, are cancelled or are late:
// every other run has the bits of a run alone. And nothing grows. TENON_SOAK_SECONDS = seconds per mode.
#include <gtest/gtest.h>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "support/count_allocations.h"
#include "support/modes.h"

namespace tenon::session::soak_test {
namespace {

using Clock = std::chrono::steady_clock;
using test::modes;

double soak_seconds(double short_run) {
  const char* text = std::getenv("TENON_SOAK_SECONDS");
  return text ? std::atof(text) : short_run;
}

uint32_t next(uint32_t& state) { return (state = state * 1664525 + 1013904223) >> 8; }

/// What the runs of all threads came to.
struct Tally {
  std::atomic<int> right{0}, failed{0}, cancelled{0}, late{0}, sessions{0}, wrong{0};
};

class Soak {
 public:
  explicit Soak(const SessionOptions& options) : options_(options), session_(test::mode_session(options)) {
    const Session alone = test::mode_session(options);
    for (int64_t batch : test::kModeBatches) {
      feeds_.push_back(test::mode_feeds(batch, batch - 1));
      bad_feeds_.push_back(test::mode_feeds(batch, batch));
      want_.push_back(test::mode_run(alone, feeds_.back()));
    }
  }

  void run(double seconds) {
    const auto until = Clock::now() + std::chrono::duration<double>(seconds);
    std::vector<std::thread> threads;
    for (uint32_t t = 0; t < 16; ++t)
      threads.emplace_back([this, t, until] {
        uint32_t state = t * 2654435761u + 1;
        for (int k = 0; k < 8 || Clock::now() < until; ++k) one(state);
      });
    std::thread killer([this, until] {  // sets the flag of whoever runs with it
      while (Clock::now() < until) {
        terminate_ = true;
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        terminate_ = false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    });
    for (auto& t : threads) t.join();
    killer.join();
    for (size_t k = 0; k < feeds_.size(); ++k)
      EXPECT_TRUE(test::same_bits(test::mode_run(session_, feeds_[k]), want_[k]));
  }

  Tally tally;

 private:
  void one(uint32_t& state) {
    const size_t k = next(state) % feeds_.size();
    const uint32_t draw = next(state) % 64;
    if (draw == 0) {
      ++tally.sessions;
      const Session own = test::mode_session(options_);
      return check(own, k, {});
    }
    RunOptions o;
    if (draw < 8) {
      try {
        test::mode_run(session_, bad_feeds_[k]);
        ++tally.wrong;
      } catch (const Error& e) {
        ++(e.reason() == ErrorReason::kNone ? tally.failed : tally.wrong);
      }
      return;
    }
    if (draw < 16) o.terminate = &terminate_;
    if (draw >= 12 && draw < 20) o.config["tenon.deadline_ms"] = draw % 2 ? "0" : "1";
    check(session_, k, o);
  }

  void check(const Session& s, size_t k, const RunOptions& o) {
    try {
      ++(test::same_bits(test::mode_run(s, feeds_[k], o), want_[k]) ? tally.right : tally.wrong);
    } catch (const Error& e) {
      const bool may_stop = e.reason() == ErrorReason::kCancelled && o.terminate;
      const bool may_be_late = e.reason() == ErrorReason::kDeadline && !o.config.empty();
      ++(may_stop ? tally.cancelled : may_be_late ? tally.late : tally.wrong);
      if (!may_stop && !may_be_late) ADD_FAILURE() << e.what();
    }
  }

  SessionOptions options_;
  Session session_;
  std::vector<std::vector<Value>> feeds_, bad_feeds_, want_;
  std::atomic<bool> terminate_{false};
};

TEST(Soak, EveryRunIsAsIfItWereAlone) {
  for (const auto& mode : modes()) {
    SCOPED_TRACE(mode.name);
    Soak soak(mode.options);
    soak.run(soak_seconds(0.5));
    const Tally& t = soak.tally;
    EXPECT_EQ(t.wrong, 0);
    EXPECT_GT(t.right, 50);
    EXPECT_GT(t.failed, 5);
    EXPECT_GT(t.late, 0);
    EXPECT_GT(t.sessions, 0);
    RecordProperty(mode.name, fmt::format("{} right, {} failed, {} cancelled, {} late, {} sessions", t.right.load(),
                                          t.failed.load(), t.cancelled.load(), t.late.load(), t.sessions.load()));
  }
}

/// The least of some readings: what threads hold for a moment is not growth.
template <class F>
int64_t least_heap_after(int rounds, const F& round) {
  int64_t least = INT64_MAX;
  for (int k = 0; k < rounds; ++k) {
    round();
    least = std::min(least, test::live_bytes());
  }
  return least;
}

TEST(Soak, NothingGrows) {
  if (!test::counts_allocations()) GTEST_SKIP() << "the sanitizer brings its own allocator";
  const bool whole = std::getenv("TENON_SOAK_SECONDS") != nullptr;
  const int runs = whole ? 20'000 : 600, sessions = whole ? 2'000 : 60;
  for (const auto& mode : modes()) {
    SCOPED_TRACE(mode.name);
    std::vector<std::vector<Value>> feeds;
    for (int64_t batch : test::kModeBatches) feeds.push_back(test::mode_feeds(batch, 0, batch % 4));
    const auto bad = test::mode_feeds(3, 9);
    const auto round = [&](const Session& s) {
      for (const auto& f : feeds) test::mode_run(s, f);
      EXPECT_THROW(test::mode_run(s, bad), Error);
    };
    {
      const Session s = test::mode_session(mode.options);
      for (int k = 0; k < 40; ++k) round(s);
      const int64_t before = least_heap_after(20, [&] { round(s); });
      const size_t used = s.memory_use().used;
      for (int k = 0; k < runs / 6; ++k) round(s);
      EXPECT_LE(least_heap_after(20, [&] { round(s); }), before) << runs << " runs";
      EXPECT_LE(s.memory_use().used, used);
    }
    const auto life = [&] { round(test::mode_session(mode.options)); };
    const int64_t before = least_heap_after(20, life);
    for (int k = 0; k < sessions; ++k) life();
    // Less than one small block per session.
    EXPECT_LT(least_heap_after(20, life), before + sessions * 16) << sessions << " sessions";
  }
}

}  // namespace
}  // namespace tenon::session::soak_test
