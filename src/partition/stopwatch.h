// Stopwatch: how long something takes on a provider.
#pragma once
#include <chrono>

#include "ep/provider.h"

namespace tenon::partition {

/// Counts the time of the provider's simulation when it has one, else the time that passes.
class Stopwatch {
 public:
  explicit Stopwatch(ep::Provider* p = nullptr) : clock_(p ? p->simulated_clock() : nullptr), start_(now()) {}
  int64_t ns() const { return now() - start_; }

 private:
  int64_t now() const {
    if (clock_) return clock_->ns();
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  const ep::SimulatedClock* clock_;
  int64_t start_;
};

}  // namespace tenon::partition
