// Threads on lanes.
#include "exec/run_lanes.h"

#include <chrono>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/value_data.h"

namespace tenon::exec {

using Clock = std::chrono::steady_clock;
using plan::kNoSlot;

/// Supplies one lane's kernels; results have their places already.
class LaneRun::Host final : public ops::KernelHost {
 public:
  explicit Host(Frame& f) : frame_(f) {}
  ~Host() override { drop_scratch(); }
  void drop_scratch() noexcept {
    for (void* p : blocks_) frame_.arena().free(p);
    blocks_.clear();
    sizes_.clear();
  }
  size_t held() const { return std::accumulate(sizes_.begin(), sizes_.end(), size_t{0}); }
  void start(const plan::Step& step) {
    step_ = &step;
    used_ = 0;
  }

  ops::TensorRef& allocate_output(size_t j, DType t, std::span<const int64_t> dims) override {
    ops::TensorRef& r = frame_.refs_[frame_.plan_.outputs(*step_)[j]];
    if (r.data && r.dtype == t && std::ranges::equal(r.dims(), dims)) return r;
    fail(ErrorCode::kEngineError, "output {} has shape {} where inference said {}", j, tenon::to_string(dims),
         tenon::to_string(r.dims()));
  }
  void set_output(size_t j, Value v) override {
    const ops::TensorRef& r = allocate_output(j, v.dtype(), v.dims());
    std::memcpy(r.data, v.data(), v.bytes());
  }
  Value input_value(size_t i) override {
    const plan::SlotId s = frame_.plan_.inputs(*step_)[i];
    if (s == kNoSlot) return {};
    const ops::TensorRef& r = frame_.refs_[s];
    return ValueAccess::view(r.dtype, r.dims(), r.data);
  }
  void* scratch(size_t bytes) override {
    bytes = (std::max<size_t>(bytes, 1) + 63) / 64 * 64;
    while (used_ < blocks_.size()) {
      if (sizes_[used_] >= bytes) return blocks_[used_++];
      ++used_;
    }
    void* p = frame_.arena().alloc(bytes, 64, nullptr);
    if (!p) fail_out_of_memory(bytes, "scratch memory of a kernel");
    blocks_.push_back(p);
    sizes_.push_back(bytes);
    ++used_;
    return p;
  }

 private:
  Frame& frame_;
  const plan::Step* step_ = nullptr;
  std::vector<void*> blocks_;
  std::vector<size_t> sizes_;
  size_t used_ = 0;
};

LaneRun::LaneRun(Frame& f, std::shared_ptr<const Segment> s, std::shared_ptr<const LaneSchedule> schedule)
    : frame_(f),
      segment_(std::move(s)),
      schedule_(std::move(schedule)),
      lanes_(schedule_->lanes.size()),
      done_(segment_->end - segment_->begin) {
  for (Lane& l : lanes_) l.host = std::make_unique<Host>(f);
}

LaneRun::~LaneRun() = default;

void LaneRun::settle() noexcept {
  size_t held = 0;
  for (const Lane& l : lanes_) held += l.host->held();
  if (!used_ && policy_.shrinks(held, 0))
    for (Lane& l : lanes_) l.host->drop_scratch();
  used_ = false;
}

void LaneRun::run() {
  used_ = true;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i].at = 0;
    lanes_[i].observer = frame_.context_.observer ? frame_.context_.observer->lane(i) : nullptr;
  }
  for (std::atomic<bool>& d : done_) d = false;
  left_ = segment_->end - segment_->begin;
  stopped_ = failed_ = false;
  error_ = nullptr;
  const auto threads = static_cast<int64_t>(schedule_->lanes.size());
  frame_.context_.lane_pool->parallel_blocks(threads, 1, nullptr, [&](int64_t, int64_t) { help(); });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));  // the frame may serve another thread next
}

void LaneRun::help() {
  const auto spin = std::chrono::microseconds(frame_.context_.lane_pool->spin_us());
  Clock::time_point idle_since{};
  while (true) {
    // Read before everything else: whatever ends or moves on after these looks changes it, and the wait returns.
    const uint32_t seen = progress_.load(std::memory_order_acquire);
    if (left_.load(std::memory_order_acquire) == 0 || stopped_.load(std::memory_order_relaxed)) return;
    bool worked = false;
    for (size_t l = 0; l < lanes_.size(); ++l) {
      if (lanes_[l].taken.load(std::memory_order_relaxed) || !ready(l)) continue;
      if (lanes_[l].taken.exchange(true, std::memory_order_acquire)) continue;
      work(l);
      worked = true;
    }
    if (worked) {
      idle_since = {};
    } else if (idle_since == Clock::time_point{}) {
      idle_since = Clock::now();
    } else if (Clock::now() - idle_since < spin) {
      __builtin_ia32_pause();
    } else {
      progress_.wait(seen, std::memory_order_acquire);  // whoever holds a lane moves on
    }
  }
}

bool LaneRun::ready(size_t lane) const {
  const uint32_t at = lanes_[lane].at.load(std::memory_order_acquire);
  if (at >= schedule_->lanes[lane].size()) return false;
  for (uint32_t w : schedule_->waits[schedule_->lanes[lane][at] - segment_->begin])
    if (!done_[w - segment_->begin].load(std::memory_order_acquire)) return false;
  return true;
}

void LaneRun::work(size_t lane) {
  Lane& l = lanes_[lane];
  try {
    while (!stopped_.load(std::memory_order_relaxed) && ready(lane)) {
      const uint32_t i = schedule_->lanes[lane][l.at.load(std::memory_order_relaxed)];
      run_step(l, i);
      done_[i - segment_->begin].store(true, std::memory_order_release);
      l.at.fetch_add(1, std::memory_order_release);
      left_.fetch_sub(1, std::memory_order_acq_rel);
      progress_.fetch_add(1, std::memory_order_release);
      progress_.notify_all();
    }
  } catch (...) {
    stop(std::current_exception());
  }
  l.taken.store(false, std::memory_order_release);
  progress_.fetch_add(1, std::memory_order_release);
  progress_.notify_all();
}

void LaneRun::run_step(Lane& lane, uint32_t i) {
  const plan::Step& step = frame_.plan_.steps[i];
  if (frame_.context_.par.cancel) frame_.context_.par.cancel->check();
  const StepView view = frame_.view(i);
  if (lane.observer) lane.observer->before(view);
  if (step.lowering == graph::Lowering::kKernel) {
    lane.host->start(step);
    frame_.run_kernel(step, *lane.host);
  }
  if (lane.observer) lane.observer->after(view);
}

void LaneRun::stop(std::exception_ptr error) {
  if (!failed_.exchange(true)) error_ = std::move(error);  // read when all threads have left
  stopped_ = true;
}

LaneRun& Frame::lane_run(const LaneChoice::Decision& d) {
  constexpr size_t kMaxKept = 16;
  for (const auto& r : lane_runs_)
    if (&r->segment() == d.segment.get()) return *r;
  if (lane_runs_.size() == kMaxKept) lane_runs_.erase(lane_runs_.begin());
  lane_runs_.push_back(std::make_unique<LaneRun>(*this, d.segment, d.schedule));
  return *lane_runs_.back();
}

bool Frame::may_use_lanes() const { return context_.lanes > 1 && (!context_.observer || context_.observer->lane(0)); }

void Frame::run_segment(const std::shared_ptr<Segment>& s) {
  using Way = LaneChoice::Way;
  LaneChoice::Decision d;
  if (may_use_lanes()) d = s->lane_choice->next(context_.lanes_always);
  if (d.way == Way::kLanes) {
    enter(d.segment);
    const auto from = Clock::now();
    lane_run(d).run();
    if (d.on_trial) s->lane_choice->lanes(static_cast<double>(std::chrono::nanoseconds(Clock::now() - from).count()));
    for (uint32_t i = s->begin; i < s->end; ++i)
      for (plan::SlotId slot : plan_.frees(plan_.steps[i]))
        if (states_[slot].owned) release(slot);
    return;
  }
  enter(s);
  if (d.way == Way::kPlain) return run_steps(s->begin, s->end);
  std::vector<double> ns;
  const auto learn = [&] {
    if (d.way == Way::kAlone)
      s->lane_choice->alone(ns);
    else
      s->lane_choice->together(ns, *s, plan_, static_cast<size_t>(context_.lanes), context_.lanes_always);
  };
  ThreadPool* pool = context_.par.pool;
  if (d.way == Way::kAlone) context_.par.pool = nullptr;
  try {
    run_steps(s->begin, s->end, &ns);
  } catch (...) {
    ns.clear();  // the run has failed
    learn();
    throw;
  }
  context_.par.pool = pool;
  learn();
}

}  // namespace tenon::exec
