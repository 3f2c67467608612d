// Frame: binding of arguments and results, ownership of run-time memory, the kernel's host.
#include "exec/frame.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/value_data.h"
#include "exec/run_lanes.h"
#include "exec/stack.h"

namespace tenon::exec {

using plan::kNoSlot;
using plan::SlotId;

namespace {

ops::TensorRef ref_of(const Value& v) {
  return {const_cast<void*>(v.data()), v.dims().data(), static_cast<uint32_t>(v.dims().size()), v.dtype(), v.count()};
}

// Of a weight that kernels have packed: a read of it faults at an address that is never mapped.
ops::TensorRef shape_of(const Value& v) {
  return {reinterpret_cast<void*>(uintptr_t{4096}), v.dims().data(), static_cast<uint32_t>(v.dims().size()), v.dtype(),
          v.count()};
}

}  // namespace

// Kept between runs so that a warm loop allocates nothing. One control-flow step of a frame runs at a time.
struct Frame::LoopState {
  std::vector<Crossing> crossings[3];
  std::vector<Stack> stacks;
};

Crossing& Crossing::operator=(Crossing&& o) noexcept {
  if (this == &o) return *this;
  drop();
  ref = o.ref;
  dims = std::move(o.dims);
  block = std::exchange(o.block, nullptr);
  arena = o.arena;
  handle = std::move(o.handle);
  ref.dim = dims.data();
  return *this;
}

void Crossing::drop() noexcept {
  if (block) arena->free(block);
  block = nullptr;
  handle = {};
}

std::vector<Crossing>& Frame::crossings(size_t list, size_t n) {
  if (!loop_) loop_ = std::make_unique<LoopState>();
  loop_->crossings[list].resize(n);
  return loop_->crossings[list];
}

std::vector<Stack>& Frame::stacks(size_t n) {
  if (!loop_) loop_ = std::make_unique<LoopState>();
  loop_->stacks.resize(n);
  return loop_->stacks;
}

namespace {

constexpr uint64_t bit(size_t stream) { return uint64_t{1} << std::min<size_t>(stream, 63); }

}  // namespace

void DeviceWork::free(Allocator& memory, void* block) {
  if (streams_.empty()) return memory.free(block);
  const std::lock_guard lock(mutex_);
  deferred_.push_back({&memory, block, bit(streams_.size() - 1) * 2 - 1});
}

size_t DeviceWork::pending() const {
  const std::lock_guard lock(mutex_);
  return deferred_.size();
}

void DeviceWork::settle(uint64_t done) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(deferred_, [done](Deferred& d) {
    if (d.busy &= ~done) return false;
    d.memory->free(d.block);
    return true;
  });
}

void DeviceWork::synchronize(uint16_t stream) {
  streams_[stream]->synchronize();
  if (stream < 63) settle(bit(stream));
}

void DeviceWork::synchronize() {
  for (const auto& s : streams_) s->synchronize();
  settle(UINT64_MAX);
}

void DeviceWork::abandon() noexcept {
  for (const auto& s : streams_) {
    try {
      s->synchronize();
    } catch (...) {  // what failed first is on its way to the caller
    }
  }
  settle(UINT64_MAX);
}

Frame::Frame(Program& program, std::shared_ptr<Allocator> arena)
    : program_(program),
      plan_(program.plan),
      arena_(std::move(arena)),
      refs_(plan_.slots.size()),
      states_(plan_.slots.size()),
      presets_(plan_.results.size()),
      children_(plan_.regions.size()) {
  for (const auto& [slot, value] : plan_.constants) {
    if (plan_.slots[slot].packed)
      refs_[slot] = shape_of(value);
    else if (value.is_tensor())
      refs_[slot] = ref_of(value);
    if (plan_.slots[slot].is_handle) states_[slot].handle = value;
  }
}

Frame::~Frame() {
  reset();
  release_memory();
}

void Frame::release_memory() noexcept {
  for (size_t m = 0; m < slabs_.size(); ++m) memory_in(m).free(slabs_[m].data);
  slabs_.clear();
  for (auto& slabs : lane_slabs_)
    for (size_t m = 0; m < slabs.size(); ++m) memory_in(m).free(slabs[m].data);
  lane_slabs_.clear();
  lane_runs_.clear();
  for (const ScratchBlock& b : scratch_) arena_->free(b.data);
  scratch_.clear();
  bound_.clear();
  for (auto& c : children_)
    if (c) c->release_memory();
}

void Frame::bind(size_t i, const ops::TensorRef& ref) {
  const SlotId s = plan_.arguments[i].slot;
  if (s != kNoSlot) refs_[s] = ref;
}

void Frame::bind(size_t i, const Value& v) {
  const SlotId s = plan_.arguments[i].slot;
  if (s == kNoSlot) return;
  refs_[s] = v.is_tensor() ? ref_of(v) : ops::TensorRef{};
  if (plan_.slots[s].is_handle) {
    states_[s].handle = v;
    own(s);
  }
}

void Frame::bind_result(size_t i, const Value& v) { presets_[i] = v; }

const Value* Frame::preset(SlotId s, const Dims& dims) const {
  for (size_t i = 0; i < presets_.size(); ++i) {
    if (!presets_[i] || plan_.results[i].slot != s) continue;
    if (std::ranges::equal(presets_[i].dims(), dims)) return &presets_[i];
  }
  return nullptr;
}

void Frame::own(SlotId s) {
  if (states_[s].owned) return;
  states_[s].owned = true;
  owned_.push_back(s);
}

void Frame::release(SlotId s) noexcept {
  State& st = states_[s];
  if (st.block) {
    free_block(s, st.block);
    st.block = nullptr;
    refs_[s].data = nullptr;
  }
  if (st.handle) {
    st.handle = {};
    refs_[s].data = nullptr;
  }
  st.owned = false;
}

void Frame::reset() noexcept {
  for (SlotId s : owned_)
    if (states_[s].owned) release(s);
  owned_.clear();
  if (device_work_) device_work_->abandon();
  for (Value& v : presets_) v = {};
  if (!program_.pattern)
    for (State& st : states_) st.wanted = 0;
  scratch_block_ = scratch_used_ = 0;
}

void* Frame::allocate(size_t bytes, SlotId s) {
  State& st = states_[s];
  if (st.block) free_block(s, st.block);
  st.block = memory_in(plan_.slots[s].domain).alloc(std::max<size_t>(bytes, 1), 64, nullptr);
  if (!st.block)
    fail_out_of_memory(bytes, fmt::format("value {}", plan_.graph->value(plan_.slots[s].value).name).c_str());
  own(s);
  return st.block;
}

Allocator& Frame::memory_in(size_t domain) const {
  return domain ? *plan_.devices->domains[domain].allocator : *arena_;
}

void Frame::free_block(SlotId s, void* block) noexcept {
  if (plan_.slots[s].domain)
    context_.device->free(memory_in(plan_.slots[s].domain), block);
  else
    arena_->free(block);
}

void Frame::read_back(SlotId s, void* to) {
  const plan::Domain& d = plan_.devices->domains[plan_.slots[s].domain];
  ops::TensorRef host = refs_[s];
  host.data = to;
  d.transfer->copy(refs_[s], d.device, host, {}, context_.device->stream(d.stream));
}

ops::TensorRef& Frame::allocate_output(size_t j, DType t, std::span<const int64_t> dims) {
  const SlotId s = plan_.outputs(*step_)[j];
  ops::TensorRef& r = refs_[s];
  if (r.data) {
    if (r.dtype == t && std::ranges::equal(r.dims(), dims)) return r;
    fail(ErrorCode::kEngineError, "output {} has shape {} where inference said {}", j, tenon::to_string(dims),
         tenon::to_string(r.dims()));
  }
  State& st = states_[s];
  st.dims.assign(dims);
  r = {nullptr, st.dims.data(), static_cast<uint32_t>(dims.size()), t, element_count(dims)};
  if (t == DType::kString) {
    st.handle = Value::tensor(t, dims);
    own(s);
    r.data = st.handle.mutable_data();
  } else if (const Value* v = preset(s, st.dims)) {
    r.data = const_cast<void*>(v->data());
  } else {
    r.data = allocate(storage_bytes(t, r.count), s);
  }
  return r;
}

void Frame::set_output(size_t j, Value v) {
  const SlotId s = plan_.outputs(*step_)[j];
  ops::TensorRef& r = refs_[s];
  State& st = states_[s];
  if (!plan_.slots[s].is_handle && r.data) {
    if (r.dtype != v.dtype() || !std::ranges::equal(r.dims(), v.dims()))
      fail(ErrorCode::kEngineError, "output {} has shape {} where inference said {}", j, tenon::to_string(v.dims()),
           tenon::to_string(r.dims()));
    std::memcpy(r.data, v.data(), v.bytes());
    return;
  }
  const ValueType& declared = plan_.graph->type(plan_.slots[s].value);
  if (v.is_tensor() && declared.is_tensor() && declared.elem != DType::kUndefined && declared.elem != v.dtype())
    fail("output {} is a tensor of {}, expected {}", j, dtype_name(v.dtype()), dtype_name(declared.elem));
  st.handle = std::move(v);
  own(s);
  if (st.handle.is_tensor()) {
    st.dims.assign(st.handle.dims());
    r = ref_of(st.handle);
    r.dim = st.dims.data();
  }
}

Value Frame::input_value(size_t i) {
  const SlotId s = plan_.inputs(*step_)[i];
  if (s == kNoSlot) return {};
  if (states_[s].handle) return states_[s].handle;
  if (plan_.slots[s].is_handle) return {};
  const ops::TensorRef& r = refs_[s];
  return ValueAccess::view(r.dtype, r.dims(), r.data);
}

void* Frame::scratch(size_t bytes) {
  bytes = (std::max<size_t>(bytes, 1) + 63) / 64 * 64;
  while (scratch_block_ < scratch_.size()) {
    ScratchBlock& b = scratch_[scratch_block_];
    if (scratch_used_ + bytes <= b.bytes) {
      void* p = b.data + scratch_used_;
      scratch_used_ += bytes;
      note_scratch();
      return p;
    }
    ++scratch_block_;
    scratch_used_ = 0;
  }
  const size_t grown = std::max(bytes, scratch_.empty() ? size_t{1} << 16 : scratch_.back().bytes * 2);
  auto* p = static_cast<char*>(arena_->alloc(grown, 64, nullptr));
  if (!p) fail_out_of_memory(grown, "scratch memory of a kernel");
  scratch_.push_back({p, grown});
  scratch_used_ = bytes;
  scratch_policy_.grew();
  note_scratch();
  return p;
}

Value Frame::take_value(size_t i) {
  const SlotId s = plan_.results[i].slot;
  State& st = states_[s];
  const ops::TensorRef& r = refs_[s];
  if (plan_.slots[s].is_handle) return st.handle;
  if (Value p = presets_[i]) {
    if (p.data() == r.data) return p;
    if (p.dtype() != r.dtype || !std::ranges::equal(p.dims(), r.dims()))
      fail("output {}: the given buffer has shape {}, the result {}", plan_.results[i].name, tenon::to_string(p.dims()),
           tenon::to_string(r.dims()));
    std::memcpy(p.mutable_data(), r.data, r.bytes());
    return p;
  }
  const SlotId root = plan_.slots[s].root;
  State& rs = states_[root];
  if (rs.block) {
    rs.handle = ValueAccess::adopt(refs_[root].dtype, refs_[root].dims(), rs.block, arena_);
    rs.block = nullptr;
  }
  if (rs.handle) return root == s ? rs.handle : rs.handle.reshaped(r.dims());
  // A feed or a weight that is a result: the caller gets a copy.
  void* p = arena_->alloc(std::max<size_t>(r.bytes(), 1), 64, nullptr);
  if (!p) fail_out_of_memory(r.bytes(), plan_.results[i].name.c_str());
  Value v = ValueAccess::adopt(r.dtype, r.dims(), p, arena_);
  std::memcpy(p, r.data, r.bytes());
  return v;
}

void Frame::take(size_t i, Crossing& out) {
  const SlotId s = plan_.results[i].slot;
  out.drop();
  out.arena = arena_.get();
  out.ref = refs_[s];
  if (plan_.slots[s].is_handle) {
    out.handle = states_[s].handle;
    if (!out.handle.is_tensor()) return;
  }
  out.dims.assign(refs_[s].dims());
  out.ref.dim = out.dims.data();
  if (out.handle) return;
  const SlotId root = plan_.slots[s].root;
  State& rs = states_[root];
  if (rs.handle) {
    out.handle = root == s ? rs.handle : rs.handle.reshaped(out.dims);
    out.ref.data = out.handle.mutable_data();
    return;
  }
  out.block = rs.block;
  rs.block = nullptr;
  if (out.block) return;
  out.block = arena_->alloc(std::max<size_t>(out.ref.bytes(), 1), 64, nullptr);
  if (!out.block) fail_out_of_memory(out.ref.bytes(), plan_.results[i].name.c_str());
  std::memcpy(out.block, refs_[s].data, out.ref.bytes());
  out.ref.data = out.block;
}

void Frame::adopt(SlotId s, Crossing& c) {
  State& st = states_[s];
  st.dims = c.dims;
  refs_[s] = c.ref;
  refs_[s].dim = st.dims.data();
  if (st.block) arena_->free(st.block);
  st.block = c.block;
  st.handle = std::move(c.handle);
  c.block = nullptr;
  own(s);
}

Frame& Frame::child(uint32_t region) {
  if (!children_[region]) children_[region] = std::make_unique<Frame>(*program_.regions[region], arena_);
  return *children_[region];
}

std::unique_ptr<Frame> FramePool::take() {
  {
    std::lock_guard lock(mutex_);
    ++runs_;
    if (!idle_.empty()) {
      auto f = std::move(idle_.back().frame);
      idle_.pop_back();
      return f;
    }
  }
  return std::make_unique<Frame>(program_, arena_);
}

void FramePool::give(std::unique_ptr<Frame> f) {
  constexpr uint64_t kLongest = 64;  // runs that a frame waits before it is too many
  f->reset();
  if (!keep_) f->release_memory();
  std::unique_ptr<Frame> surplus;
  std::lock_guard lock(mutex_);
  if (!idle_.empty() && runs_ - idle_.front().since > kLongest) {
    surplus = std::move(idle_.front().frame);
    idle_.erase(idle_.begin());
  }
  idle_.push_back({std::move(f), runs_});
}

void FramePool::release_memory() noexcept {
  std::lock_guard lock(mutex_);
  for (Idle& i : idle_) i.frame->release_memory();
}

}  // namespace tenon::exec
