// State: what a test device shares with its executables, streams and buffers, which may outlive it.
#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ep/abilities.h"
#include "ep/testdevice/executables.h"
#include "ep/testdevice/options.h"
#include "ep/testdevice/stream.h"
#include "memory/guarded.h"

namespace tenon::ep::testdevice {

inline constexpr uint32_t kVendor = 0x7E57;

struct State {
  explicit State(const Options& o);

  bool fails(Site site) { return options.fault == site && ++calls == options.fault_at; }
  void fault(Site site, const char* what);

  Options options;
  std::shared_ptr<memory::GuardedMemory> memory;
  CostClock clock;
  std::atomic<int> calls{0};
  std::atomic<int> delay_us{0};  ///< before every kernel
  std::atomic<int> streams{0};   ///< made so far

  std::atomic<bool> tracing{false};
  std::mutex trace_mutex;
  std::vector<TraceEvent> trace;
};

/// Counts as one event from here to its end when the device traces.
class TracedTask {
 public:
  TracedTask(State& state, const std::string& name, const Stream* stream);
  ~TracedTask();
  TracedTask(const TracedTask&) = delete;
  TracedTask& operator=(const TracedTask&) = delete;

 private:
  State& state_;
  const std::string& name_;
  const Stream* stream_;
  std::chrono::steady_clock::time_point begin_;
};

/// Runs work in the device's memory, now or in the stream.
template <class Task>
void submit(const std::shared_ptr<State>& state, Stream* stream, const Work& work, Task task) {
  auto guarded = [state, stream, work, task = std::move(task)] {
    const TracedTask traced(*state, work.name, stream);
    if (const int us = state->delay_us) std::this_thread::sleep_for(std::chrono::microseconds(us));
    state->fault(Site::kKernel, "a kernel");
    const memory::GuardedMemory::Open open(state->memory.get());
    task();
    state->clock.ran(work.ns);
  };
  if (stream)
    static_cast<TestStream*>(stream)->enqueue(std::move(guarded));
  else
    guarded();
}

}  // namespace tenon::ep::testdevice
