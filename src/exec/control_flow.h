// Control flow: If, Loop and Scan as steps that run the frames of their regions.
#pragma once
#include "exec/frame.h"

namespace tenon::exec {

/// Runs one region step of a frame.
struct ControlFlow {
  Frame& frame;
  const plan::Step& step;

  void run();

 private:
  void reset_bodies();
  void run_if();
  void run_loop();
  void run_scan();
  void run_batched_scan();
  /// Binds the captures of the step behind `formal` arguments of a region's frame.
  void bind_captures(Frame& body, size_t formal);
  void bind_slot(Frame& body, size_t argument, plan::SlotId s);
  static void bind_crossing(Frame& body, size_t argument, Crossing& c);
  void copy_slot(plan::SlotId s, Crossing& c);
  static void unwrap(Crossing& c, const ValueType& result);
  /// Result j of the step takes what the crossing owns.
  void give(size_t j, Crossing& c);
  plan::SlotId in(size_t i) const { return frame.plan_.operands[step.in_begin + i]; }
  plan::SlotId out(size_t j) const { return frame.plan_.operands[step.out_begin + j]; }
  size_t captures() const;
};

}  // namespace tenon::exec
