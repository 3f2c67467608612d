// Threads on lanes.
#include "exec/run_lanes.h"

#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/value_data.h"

namespace tenon::exec {

using Clock = std::chrono::steady_clock;
using plan::kNoSlot;

/// Supplies one lane's kernels; results have their places already.
class LaneRun::Host final : public ops::KernelHost {
 public:
  explicit Host(Frame& f) : frame_(f) {}
  ~Host() override {
    for (void* p : blocks_) frame_.arena().free(p);
  }
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

void LaneRun::run() {
  for (Lane& l : lanes_) l.at = 0;
  for (std::atomic<bool>& d : done_) d = false;
  left_ = segment_->end - segment_->begin;
  stopped_ = false;
  error_ = nullptr;
  const auto threads = static_cast<int64_t>(schedule_->lanes.size());
  frame_.context_.lane_pool->parallel_blocks(threads, 1, nullptr, [&](int64_t, int64_t) { help(); });
  if (error_) std::rethrow_exception(error_);
}

void LaneRun::help() {
  constexpr int kSpins = 200;
  int idle = 0;
  while (left_.load(std::memory_order_acquire) > 0 && !stopped_.load(std::memory_order_relaxed)) {
    const uint32_t seen = progress_.load(std::memory_order_acquire);
    bool worked = false;
    for (size_t l = 0; l < lanes_.size(); ++l) {
      if (lanes_[l].taken.load(std::memory_order_relaxed) || !ready(l)) continue;
      if (lanes_[l].taken.exchange(true, std::memory_order_acquire)) continue;
      work(l);
      worked = true;
    }
    if (worked) {
      idle = 0;
    } else if (++idle > kSpins) {
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
      const plan::Step& step = frame_.plan_.steps[i];
      if (frame_.context_.par.cancel) frame_.context_.par.cancel->check();
      if (step.lowering == graph::Lowering::kKernel) {
        l.host->start(step);
        ops::KernelContext c(frame_.refs_.data(), frame_.plan_.inputs(step), frame_.plan_.outputs(step),
                             frame_.context_.par, *l.host);
        try {
          step.kernel->run(c);
        } catch (const Error& e) {
          if (e.reason() == ErrorReason::kCancelled || e.reason() == ErrorReason::kDeadline) throw;
          const graph::Node& n = frame_.plan_.graph->node(step.node);
          throw Error(e.code(), fmt::format("node {} ({}): {}", n.name, n.op, e.what()), e.reason(), e.limit());
        }
      }
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

void LaneRun::stop(std::exception_ptr error) {
  std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
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

void Frame::run_segment(const std::shared_ptr<Segment>& s) {
  const bool plain = context_.lanes < 2 || context_.observer || plan_.devices->domains.size() > 1;
  const LaneChoice::Decision d = plain ? LaneChoice::Decision{} : s->lane_choice->next(context_.lanes_always);
  const auto elapsed = [from = Clock::now()] {
    return static_cast<double>(std::chrono::nanoseconds(Clock::now() - from).count());
  };
  switch (d.way) {
    case LaneChoice::Way::kPlain:
      enter(s);
      run_steps(s->begin, s->end);
      return;
    case LaneChoice::Way::kAlone: {
      std::vector<double> ns;
      ThreadPool* pool = std::exchange(context_.par.pool, nullptr);
      try {
        enter(s);
        for (uint32_t i = s->begin; i < s->end; ++i) {
          const double before = elapsed();
          run_steps(i, i + 1);
          ns.push_back(elapsed() - before);
        }
      } catch (...) {
        s->lane_choice->alone({});
        throw;
      }
      context_.par.pool = pool;
      s->lane_choice->alone(ns);
      return;
    }
    case LaneChoice::Way::kTogether:
      try {
        enter(s);
        run_steps(s->begin, s->end);
      } catch (...) {
        s->lane_choice->together(0, *s, plan_, 0, false);
        throw;
      }
      s->lane_choice->together(elapsed(), *s, plan_, static_cast<size_t>(context_.lanes), context_.lanes_always);
      return;
    case LaneChoice::Way::kLanes:
      enter(d.segment);
      lane_run(d).run();
      for (uint32_t i = s->begin; i < s->end; ++i)
        for (plan::SlotId slot : plan_.frees(plan_.steps[i]))
          if (states_[slot].owned) release(slot);
  }
}

}  // namespace tenon::exec
