// The run loop: walks the segments of a shape signature, step by step.
#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/value_data.h"
#include "exec/control_flow.h"
#include "exec/frame.h"
#include "exec/run_lanes.h"

namespace tenon::exec {

using plan::kNoSlot;
using plan::SlotId;

void Frame::run(const RunContext& context) {
  context_ = context;
  depth_ = 0;
  fit_scratch();
  try {
    open_device_work();
    drop_idle_slabs();
    run_path();
    if (device_work_) device_work_->synchronize();
  } catch (...) {
    reset();
    throw;
  }
}

void Frame::run_path() {
  const std::string_view key = root_key();
  std::shared_ptr<Segment> segment;
  if (root_ && key == root_key_) {
    segment = root_;
  } else {
    bound_.clear();
    root_key_.assign(key);
    segment = root_ = program_.shapes.find(nullptr, key);
  }
  path_.clear();
  if (!segment) return trace_from(nullptr, root_key_, 0);
  while (true) {
    path_.push_back(segment);
    run_segment(segment);
    if (segment->next == Segment::kEnd) return;
    const std::string_view seen = observed_key(*segment);
    std::shared_ptr<Segment> next = program_.shapes.find(segment.get(), seen);
    if (!next || !fits(*next)) return trace_from(segment.get(), std::string(seen), segment->end);
    segment = std::move(next);
  }
}

void Frame::open_device_work() {
  constexpr size_t kMaxDeferred = 256;  // a long loop gives blocks back on its way
  if (plan_.devices->domains.size() == 1) return;
  if (context_.device) {
    if (context_.device->pending() > kMaxDeferred) context_.device->synchronize();
    return;
  }
  if (!device_work_) {
    std::vector<std::unique_ptr<Stream>> streams;
    for (ep::Provider* p : plan_.devices->streams) streams.push_back(p->make_stream());
    device_work_ = std::make_unique<DeviceWork>(std::move(streams));
  }
  context_.device = device_work_.get();
}

// Makes the slots of a segment ready. When the frame ran the same path before, only addresses that move are set.
void Frame::enter(const std::shared_ptr<Segment>& s) {
  const size_t d = depth_++;
  if (!s->apart) need_slabs(*s);
  bool same = d < bound_.size() && bound_[d] == s;
  if (s->apart) {
    if (lane_slabs_.size() <= d) lane_slabs_.resize(d + 1);
    lane_slabs_[d].resize(s->slab_bytes.size());
    for (size_t m = 0; m < s->slab_bytes.size(); ++m) {
      Slab& own = lane_slabs_[d][m];
      own.used = true;
      if (own.bytes >= s->slab_bytes[m] && !own.policy.shrinks(own.bytes, s->slab_bytes[m])) continue;
      fit_slab(own, m, s->slab_bytes[m]);
      same = false;
    }
  }
  const std::span<const Slab> slabs = s->apart ? lane_slabs_[d] : slabs_;
  if (s->next == Segment::kDims)
    for (SlotId slot : s->observed) refs_[slot].data = nullptr;
  if (same) {
    for (uint32_t i : s->floating) place(s->shapes[i], slabs);
    return;
  }
  bound_.resize(d);
  bound_.push_back(s);
  for (const SlotShape& shape : s->shapes) place(shape, slabs);
}

// The slabs serve the whole path, as far as it is known at its root; a run that is on lanes all along has none. They
// shrink when the last runs needed less.
void Frame::need_slabs(const Segment& s) {
  Segment& root = *path_[0];
  slabs_.resize(s.slab_bytes.size());
  for (size_t m = 0; m < slabs_.size(); ++m) {
    Slab& slab = slabs_[m];
    if (!slab.used) {
      slab.used = true;
      const size_t need = std::max({slab.need, root.slab_bytes[m], s.slab_bytes[m]});
      slab.need = 0;
      size_t bytes = std::max(root.wanted[m].load(std::memory_order_relaxed), s.slab_bytes[m]);
      const bool shrinks = slab.policy.shrinks(slab.bytes, need);
      if (shrinks) root.wanted[m].store(bytes = need, std::memory_order_relaxed);
      if (shrinks || slab.bytes < bytes) fit_shared_slab(slab, m, bytes);
    }
    slab.need = std::max(slab.need, s.slab_bytes[m]);
  }
}

// At the head of a run: what the last runs did not use at all goes in the end.
void Frame::drop_idle_slabs() {
  for (size_t m = 0; m < slabs_.size(); ++m) {
    if (!slabs_[m].used && slabs_[m].policy.shrinks(slabs_[m].bytes, 0)) fit_shared_slab(slabs_[m], m, 0);
    slabs_[m].used = false;
  }
  for (auto& slabs : lane_slabs_)
    for (size_t m = 0; m < slabs.size(); ++m) {
      if (!slabs[m].used && slabs[m].policy.shrinks(slabs[m].bytes, 0)) fit_slab(slabs[m], m, 0);
      slabs[m].used = false;
    }
  for (const auto& r : lane_runs_) r->settle();
}

void Frame::fit_shared_slab(Slab& slab, size_t domain, size_t bytes) {
  for (auto& b : bound_)
    if (b && !b->apart) b = nullptr;
  fit_slab(slab, domain, bytes);
}

// False where another run has found, since this one began, that its path takes more: it is traced once more, and the
// next run has the room.
bool Frame::fits(const Segment& s) {
  for (size_t m = 0; m < slabs_.size(); ++m) {
    if (!slabs_[m].used || s.slab_bytes[m] <= slabs_[m].bytes) continue;
    want(*path_[0], s);
    return false;
  }
  return true;
}

void Frame::fit_slab(Slab& slab, size_t domain, size_t bytes) {
  Allocator& memory = memory_in(domain);
  if (slab.bytes < bytes) slab.policy.grew();
  if (domain != 0 && slab.data)
    context_.device->free(memory, slab.data);
  else
    memory.free(slab.data);
  slab.data = nullptr;
  slab.bytes = 0;
  if (bytes == 0) return;
  slab.data = memory.alloc(bytes, 64, nullptr);
  if (!slab.data) fail_out_of_memory(bytes, "the intermediate results of a run");
  slab.bytes = bytes;
}

// Called at the head of a run.
void Frame::fit_scratch() noexcept {
  size_t held = 0;
  for (const ScratchBlock& b : scratch_) held += b.bytes;
  if (scratch_policy_.shrinks(held, scratch_peak_)) {
    for (const ScratchBlock& b : scratch_) arena_->free(b.data);
    scratch_.clear();
  }
  scratch_peak_ = scratch_block_ = scratch_used_ = 0;
}

void Frame::note_scratch() noexcept {
  size_t used = scratch_used_;
  for (size_t i = 0; i < scratch_block_; ++i) used += scratch_[i].bytes;
  scratch_peak_ = std::max(scratch_peak_, used);
}

// Without pattern: the results of this step that have no memory yet.
void Frame::allocate_outputs(const plan::Step& step) {
  for (SlotId s : plan_.outputs(step)) {
    if (s == kNoSlot || states_[s].wanted == 0) continue;
    const size_t bytes = states_[s].wanted - 1;
    states_[s].wanted = 0;
    State* from = step.reuse == kNoSlot || s != plan_.outputs(step)[0] ? nullptr : &states_[step.reuse];
    if (from && from->block && refs_[step.reuse].bytes() == bytes) {
      refs_[s].data = states_[s].block = from->block;
      from->block = nullptr;
      own(s);
    } else {
      refs_[s].data = allocate(bytes, s);
    }
  }
}

void Frame::place(const SlotShape& s, std::span<const Slab> slabs) {
  ops::TensorRef& r = refs_[s.slot];
  r.dim = s.dims.data();
  r.rank = static_cast<uint32_t>(s.dims.size());
  r.dtype = s.dtype;
  r.count = s.count;
  switch (s.place) {
    case SlotShape::kSlab:
      r.data = static_cast<char*>(slabs[s.domain].data) + s.offset;
      return;
    case SlotShape::kSame:
      r.data = refs_[s.base].data;
      if (!program_.pattern && plan_.slots[s.slot].root == s.slot) states_[s.slot].wanted = s.bytes + 1;
      return;
    case SlotShape::kOwn:
      r.data = nullptr;
      states_[s.slot].wanted = s.bytes + 1;
      return;
    case SlotShape::kLeaves:
      if (s.dtype == DType::kString) {
        states_[s.slot].handle = Value::tensor(s.dtype, s.dims);
        own(s.slot);
        r.data = states_[s.slot].handle.mutable_data();
      } else if (const Value* v = preset(s.slot, s.dims)) {
        r.data = const_cast<void*>(v->data());
      } else {
        r.data = allocate(s.bytes, s.slot);
      }
      return;
  }
}

void Frame::run_steps(uint32_t begin, uint32_t end, std::vector<double>* ns) {
  using Clock = std::chrono::steady_clock;
  const CancelToken* cancel = context_.par.cancel;
  for (uint32_t i = begin; i < end; ++i) {
    if (cancel) cancel->check();
    const plan::Step& step = plan_.steps[i];
    if (context_.observer) context_.observer->before(view(i));
    if (ns) {
      const auto from = Clock::now();
      run_step(step);
      ns->push_back(static_cast<double>(std::chrono::nanoseconds(Clock::now() - from).count()));
    } else {
      run_step(step);
    }
    if (context_.observer) context_.observer->after(view(i));
    for (SlotId s : plan_.frees(step))
      if (states_[s].owned) release(s);
  }
}

StepView Frame::view(uint32_t i) const {
  return {plan_, i, refs_, context_.device ? context_.device->stream(plan_.steps[i].stream) : nullptr};
}

void Frame::run_step(const plan::Step& step) {
  step_ = &step;
  switch (step.lowering) {
    case graph::Lowering::kView:
      if (!program_.pattern) refs_[plan_.outputs(step)[0]].data = refs_[plan_.inputs(step)[0]].data;
      return;
    case graph::Lowering::kKernel: {
      if (!program_.pattern) allocate_outputs(step);
      run_kernel(step, *this);
      if (scratch_used_ | scratch_block_) scratch_used_ = scratch_block_ = 0;
      return;
    }
    default:
      ControlFlow{*this, step}.run();
  }
}

void Frame::run_kernel(const plan::Step& step, ops::KernelHost& host) {
  Stream* stream = context_.device ? context_.device->stream(step.stream) : nullptr;
  ops::KernelContext c(refs_.data(), plan_.inputs(step), plan_.outputs(step), context_.par, host, stream);
  try {
    if (step.wait != plan::kNoStream) context_.device->synchronize(step.wait);
    step.kernel->run(c);
  } catch (const Error& e) {
    if (e.reason() == ErrorReason::kCancelled || e.reason() == ErrorReason::kDeadline) throw;
    const graph::Node& n = plan_.graph->node(step.node);
    throw Error(e.code(), fmt::format("node {} ({}): {}", n.name, n.op, e.what()), e.reason(), e.limit());
  }
}

std::string_view Frame::root_key() {
  key_.clear();
  for (const auto& a : plan_.arguments) {
    if (a.slot == kNoSlot) continue;
    const ops::TensorRef& r = refs_[a.slot];
    const int64_t head = static_cast<int64_t>(r.rank) << 8 | static_cast<int64_t>(r.dtype);
    key_.append(reinterpret_cast<const char*>(&head), sizeof head);
    key_.append(reinterpret_cast<const char*>(r.dim), r.rank * sizeof(int64_t));
  }
  return key_;
}

std::string_view Frame::observed_key(const Segment& s) {
  key_.clear();
  for (SlotId slot : s.observed) {
    const ops::TensorRef& r = refs_[slot];
    if (s.next == Segment::kContents) {
      if (plan_.slots[slot].domain) {
        const size_t at = key_.size();
        key_.resize(at + r.bytes());
        read_back(slot, key_.data() + at);
      } else {
        key_.append(static_cast<const char*>(r.data), r.bytes());
      }
    } else {
      const int64_t head = static_cast<int64_t>(r.rank) << 8 | static_cast<int64_t>(r.dtype);
      key_.append(reinterpret_cast<const char*>(&head), sizeof head);
      key_.append(reinterpret_cast<const char*>(r.dim), r.rank * sizeof(int64_t));
    }
  }
  return key_;
}

}  // namespace tenon::exec
