// Profiler: Chrome trace events with ORT's categories and argument names.
#pragma once
#include <chrono>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/fork_mutex.h"
#include "ep/abilities.h"
#include "exec/observer.h"

namespace tenon::session {

class Profiler {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kMaxEvents = 1'000'000;

  explicit Profiler(const std::string& prefix);  ///< fixes the file name; throws when its directory does not exist
  /// An event of category "Session".
  void session_event(const char* name, Clock::time_point begin, Clock::time_point end);
  /// An event of category "Kernel": what a provider says it did, on a stream of its own.
  void provider_event(std::string_view provider, const ep::TraceEvent& e);
  /// Writes the JSON array and returns the path; later events are dropped.
  std::string end();
  uint64_t start_ns() const { return start_ns_; }

 private:
  friend class ProfileRun;
  void add(std::string event);
  std::string path_;
  Clock::time_point start_;
  uint64_t start_ns_;
  OwnedForkMutex mutex_;
  std::vector<std::string> events_;
  size_t dropped_ = 0;
  bool ended_ = false;
};

/// Observes one run; adds its events when it goes. `inner` sees the steps, too, closer to them, one after the other.
class ProfileRun final : public exec::Observer {
 public:
  explicit ProfileRun(Profiler& p, exec::Observer* inner = nullptr)
      : profiler_(p), inner_(inner), begin_(Profiler::Clock::now()), steps_(p) {}
  ~ProfileRun() override;
  void before(const exec::StepView& v) override;
  void after(const exec::StepView& v) override;
  exec::Observer* lane(size_t i) override;

 private:
  class Steps final : public exec::Observer {
   public:
    explicit Steps(Profiler& p) : profiler_(p) {}
    void before(const exec::StepView& v) override;
    void after(const exec::StepView& v) override;
    std::vector<std::string> events;

   private:
    Profiler& profiler_;
    std::vector<Profiler::Clock::time_point> open_;  ///< control flow nests
  };
  Profiler& profiler_;
  exec::Observer* inner_;
  Profiler::Clock::time_point begin_;
  Steps steps_;
  std::deque<Steps> lanes_;
};

}  // namespace tenon::session
