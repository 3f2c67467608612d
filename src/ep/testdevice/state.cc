// Faults and trace events.
#include "ep/testdevice/state.h"

#include "base/error.h"

namespace tenon::ep::testdevice {

constexpr size_t kMostEvents = 1'000'000;  // as a session's trace

State::State(const Options& o)
    : options(o),
      memory(std::make_shared<memory::GuardedMemory>(Device{Device::Type::kNpu, kVendor, o.device_id},
                                                     fmt::format("TestDevice{}", o.device_id))),
      clock(o.costs),
      delay_us(o.delay_us) {}

void State::fault(Site site, const char* what) {
  if (fails(site)) fail(ErrorCode::kEpFail, "test device {}: fault on demand in {}", options.device_id, what);
}

TracedTask::TracedTask(State& state, const std::string& name, const Stream* stream)
    : state_(state), name_(name), stream_(stream), begin_(std::chrono::steady_clock::now()) {}

TracedTask::~TracedTask() {
  if (!state_.tracing) return;
  const auto now = std::chrono::steady_clock::now();
  const int stream = stream_ ? static_cast<const TestStream*>(stream_)->id() : 0;
  std::lock_guard lock(state_.trace_mutex);
  if (state_.trace.size() < kMostEvents) state_.trace.push_back({name_, std::to_string(stream), begin_, now - begin_});
}

}  // namespace tenon::ep::testdevice
