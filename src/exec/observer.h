// Observer: sees steps as they run (profiler, dumper, checker).
#pragma once
#include <span>

#include "ops/kernel.h"
#include "plan/plan.h"

namespace tenon::exec {

/// What an observer may look at after a step: its plan and all tensors of the frame.
struct StepView {
  const plan::Plan& plan;
  uint32_t step;
  std::span<const ops::TensorRef> slots;
  Stream* stream = nullptr;  ///< where the step's work goes; null: it is done when the step returns
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void before(const StepView& v) = 0;
  virtual void after(const StepView& v) = 0;
  /// What sees the steps of one lane of a run that has several; each lane is on one thread at a time, lanes are side by
  /// side. Asked for before they start. Null: this observer wants one step after the other.
  virtual Observer* lane(size_t) { return nullptr; }
};

}  // namespace tenon::exec
