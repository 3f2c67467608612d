// If and Loop: bodies run in child frames that the frame keeps for the next run.
#include "exec/control_flow.h"

#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/value_data.h"
#include "exec/stack.h"

namespace tenon::exec {

using plan::kNoSlot;
using plan::SlotId;

namespace {

bool truth(const ops::TensorRef& r, const char* what) {
  if (r.count != 1) fail("{}: one boolean expected, shape {} found", what, tenon::to_string(r.dims()));
  return *r.as<bool>();
}

}  // namespace

void ControlFlow::run() {
  const graph::Node& n = frame.plan_.graph->node(step.node);
  try {
    switch (step.lowering) {
      case graph::Lowering::kIf:
        return run_if();
      case graph::Lowering::kLoop:
        return run_loop();
      case graph::Lowering::kScan:
        return run_scan();
      default:
        fail(ErrorCode::kEngineError, "no lowering");
    }
  } catch (const Error& e) {
    reset_bodies();
    if (e.reason() == ErrorReason::kCancelled || e.reason() == ErrorReason::kDeadline) throw;
    throw Error(e.code(), fmt::format("node {} ({}): {}", n.name, n.op, e.what()), e.reason(), e.limit());
  } catch (...) {
    reset_bodies();
    throw;
  }
}

void ControlFlow::reset_bodies() {
  for (uint32_t r = 0; r < step.region_count; ++r) frame.child(step.first_region + r).reset();
}

size_t ControlFlow::captures() const { return frame.plan_.graph->node(step.node).captures; }

void ControlFlow::bind_captures(Frame& body, size_t formal) {
  const size_t n = captures(), first = step.in_count - n;
  for (size_t i = 0; i < n; ++i) bind_slot(body, formal + i, in(first + i));
}

void ControlFlow::bind_slot(Frame& body, size_t argument, SlotId s) {
  if (s == kNoSlot) return;
  if (frame.states_[s].handle)
    body.bind(argument, frame.states_[s].handle);
  else
    body.bind(argument, frame.refs_[s]);
}

void ControlFlow::run_if() {
  const graph::Node& n = frame.plan_.graph->node(step.node);
  const bool yes = truth(frame.refs_[in(0)], "cond");
  for (uint32_t r = 0; r < step.region_count; ++r) {
    if ((n.region_names[r] == "then_branch") != yes) continue;
    Frame& body = frame.child(step.first_region + r);
    bind_captures(body, 0);
    body.run(frame.context_);
    // All are taken before one is given: two results may share a buffer.
    std::vector<Crossing>& results = frame.crossings(0, step.out_count);
    for (size_t j = 0; j < step.out_count; ++j) body.take(j, results[j]);
    for (size_t j = 0; j < step.out_count; ++j) give(j, results[j]);
    body.reset();
    return;
  }
  fail(ErrorCode::kInvalidGraph, "no {} branch", yes ? "then" : "else");
}

void ControlFlow::give(size_t j, Crossing& c) {
  if (out(j) != kNoSlot) frame.adopt(out(j), c);
  c.drop();
}

void ControlFlow::run_loop() {
  Frame& body = frame.child(step.first_region);
  const plan::Plan& plan = body.plan();
  const size_t formal = plan.arguments.size() - captures();
  const size_t carried = formal - 2;
  const size_t scans = plan.results.size() - 1 - carried;
  const bool counted = in(0) != kNoSlot;
  int64_t trip = counted ? *frame.refs_[in(0)].as<int64_t>() : 0;
  bool go = in(1) == kNoSlot || truth(frame.refs_[in(1)], "cond");
  std::vector<Crossing>& state = frame.crossings(0, carried);
  std::vector<Crossing>& next = frame.crossings(1, carried);
  std::vector<Crossing>& scanned = frame.crossings(2, scans);
  std::vector<Stack>& stacks = frame.stacks(scans);
  for (Stack& s : stacks) s.begin(frame.arena());
  bool first = true;
  try {
    for (int64_t i = 0; go && (!counted || i < trip); ++i) {
      if (frame.context_.par.cancel) frame.context_.par.cancel->check();
      const bool cond_in = true;
      body.bind(0, ops::TensorRef{&i, nullptr, 0, DType::kInt64, 1});
      body.bind(1, ops::TensorRef{const_cast<bool*>(&cond_in), nullptr, 0, DType::kBool, 1});
      for (size_t k = 0; k < carried; ++k) {
        if (first)
          bind_slot(body, 2 + k, in(2 + k));
        else
          bind_crossing(body, 2 + k, state[k]);
      }
      bind_captures(body, formal);
      body.run(frame.context_);
      // A result may be an argument, or share a buffer with another: nothing is freed before all are taken.
      Crossing cond;
      body.take(0, cond);
      for (size_t k = 0; k < carried; ++k) body.take(1 + k, next[k]);
      for (size_t k = 0; k < scans; ++k) body.take(1 + carried + k, scanned[k]);
      go = truth(cond.ref, "condition of the loop body");
      for (size_t k = 0; k < scans; ++k) {
        stacks[k].push(scanned[k]);
        scanned[k].drop();
      }
      for (size_t k = 0; k < carried; ++k) state[k] = std::move(next[k]);
      body.reset();
      first = false;
    }
    for (size_t k = 0; k < carried; ++k) {
      if (first) {
        copy_slot(in(2 + k), state[k]);
        unwrap(state[k], plan.graph->type(plan.slots[plan.results[1 + k].slot].value));
      }
      if (k < step.out_count) give(k, state[k]);
      state[k].drop();
    }
    for (size_t k = 0; k < scans; ++k) {
      Crossing c;
      c.arena = &frame.arena();
      stacks[k].finish(c, plan.graph->type(plan.slots[plan.results[1 + carried + k].slot].value));
      if (carried + k < step.out_count) give(carried + k, c);
    }
  } catch (...) {
    for (auto* list : {&state, &next, &scanned})
      for (Crossing& c : *list) c.drop();
    for (Stack& s : stacks) s.abandon();
    throw;
  }
}

void ControlFlow::bind_crossing(Frame& body, size_t argument, Crossing& c) {
  if (c.handle) {
    body.bind(argument, c.handle);
    return;
  }
  c.ref.dim = c.dims.data();
  body.bind(argument, c.ref);
}

// The body takes an optional and gives what is in it, but did not run.
void ControlFlow::unwrap(Crossing& c, const ValueType& result) {
  if (!c.handle || c.handle.kind() != ValueKind::kOptional || result.kind == ValueKind::kOptional) return;
  if (c.handle.items().empty()) fail("a loop-carried optional is empty, and the body that fills it did not run");
  c.handle = Value(c.handle.items()[0]);
}

// A value that passes through unchanged: the outside gets a copy, because feeds and captures are never handed on.
void ControlFlow::copy_slot(SlotId s, Crossing& c) {
  c.drop();
  c.arena = &frame.arena();
  if (s == kNoSlot) fail("a loop-carried value has no initial value");
  if (frame.states_[s].handle) {
    c.handle = frame.states_[s].handle;
    c.dims.assign(frame.refs_[s].dims());
    c.ref = frame.refs_[s];
    return;
  }
  const ops::TensorRef& r = frame.refs_[s];
  c.dims.assign(r.dims());
  c.ref = r;
  c.block = frame.arena().alloc(std::max<size_t>(r.bytes(), 1), 64, nullptr);
  if (!c.block) fail_out_of_memory(r.bytes(), "a loop-carried value");
  std::memcpy(c.block, r.data, r.bytes());
  c.ref.data = c.block;
}

}  // namespace tenon::exec
