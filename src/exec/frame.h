// Frame: all state of one run; pooled and reused. Program: a plan with what its runs have learnt.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/fork_mutex.h"
#include "base/thread_pool.h"
#include "exec/lanes.h"
#include "exec/observer.h"
#include "exec/shape_tree.h"
#include "ops/kernel.h"
#include "plan/plan.h"
#include "tenon/allocator.h"

namespace tenon::exec {

/// Immutable plan + shape tree, one per region, shared by all threads.
struct Program {
  /// `pattern` = enable_mem_pattern: false gives every value a block of its own when its step comes.
  explicit Program(const plan::Plan& p, bool pattern = true) : plan(p), pattern(pattern) {
    for (const auto& r : p.regions) regions.push_back(std::make_unique<Program>(*r, pattern));
  }
  const plan::Plan& plan;
  const bool pattern;
  ShapeTree shapes;
  std::vector<std::unique_ptr<Program>> regions;
};

/// One operand or result that crosses a frame's border: memory that somebody owns, or a handle.
struct Crossing {
  Crossing() = default;
  Crossing(Crossing&& o) noexcept { *this = std::move(o); }
  Crossing& operator=(Crossing&& o) noexcept;
  ~Crossing() { drop(); }
  void drop() noexcept;

  ops::TensorRef ref;
  Dims dims;              ///< backs ref.dim when the crossing owns its shape
  void* block = nullptr;  ///< arena memory, freed by drop() unless somebody took it
  Allocator* arena = nullptr;
  Value handle;  ///< sequences, maps, optionals, string tensors
};

/// What one run has under way on devices: its streams, and blocks that pending work may still use.
class DeviceWork {
 public:
  explicit DeviceWork(std::vector<std::unique_ptr<Stream>> streams) : streams_(std::move(streams)) {}
  Stream* stream(uint16_t i) const { return i == plan::kNoStream ? nullptr : streams_[i].get(); }
  /// Gives a block back when every stream has been waited for; at once where there is none.
  void free(Allocator& memory, void* block);
  size_t pending() const;
  void synchronize(uint16_t stream);  ///< throws its error
  void synchronize();                 ///< all; throws the first error
  void abandon() noexcept;            ///< the same, errors swallowed: the run has failed already

 private:
  struct Deferred {
    Allocator* memory;
    void* block;
    uint64_t busy;  ///< bit per stream that may have work on it; the last bit stands for all from there on
  };
  void settle(uint64_t done) noexcept;
  std::vector<std::unique_ptr<Stream>> streams_;  ///< one per Devices::streams
  mutable OwnedForkMutex mutex_;
  std::vector<Deferred> deferred_;  ///< guarded by mutex_: lanes wait for streams side by side
};

/// Whether memory that is kept from run to run has become much too large: after some runs in a row that needed less
/// than half, later after more, the more often it had to grow again.
class KeepPolicy {
 public:
  static constexpr size_t kSmall = size_t{1} << 18;  ///< not worth shrinking
  /// One run needs `need` of the `held` bytes (less than or equal). True: shrink.
  bool shrinks(size_t held, size_t need) {
    if (held < kSmall || need > held / 2) {
      idle_runs_ = 0;
      return false;
    }
    if (++idle_runs_ < patience_) return false;
    idle_runs_ = 0;
    shrunk_ = true;
    return true;
  }
  void grew() {
    idle_runs_ = 0;
    if (shrunk_ && patience_ < 4096) patience_ *= 2;
    shrunk_ = false;
  }

 private:
  uint32_t idle_runs_ = 0, patience_ = 4;
  bool shrunk_ = false;
};

struct RunContext {
  Parallel par;
  Observer* observer = nullptr;
  ThreadPool* lane_pool = nullptr;  ///< runs lanes; par.pool may be null at the same time (intra-op 1)
  int lanes = 1;                    ///< > 1: segments may run on lanes
  bool lanes_always = false;        ///< and do, faster or not
  DeviceWork* device = nullptr;     ///< set by the outermost frame, for the bodies that it runs too
};

class Stack;
class LaneRun;

class Frame final : public ops::KernelHost {
 public:
  Frame(Program& program, std::shared_ptr<Allocator> arena);
  ~Frame() override;

  /// Binds argument i (in the order of Plan::arguments); memory must stay valid until the run's results are taken.
  void bind(size_t i, const ops::TensorRef& ref);
  void bind(size_t i, const Value& v);
  /// Result i shall be written to this tensor, when its shape turns out to be the same.
  void bind_result(size_t i, const Value& v);
  /// Runs all steps. On an error everything owned is released and the frame can be used again.
  void run(const RunContext& context);
  /// Result i after run(): as a handle of its own (top level) ...
  Value take_value(size_t i);
  /// ... or as a crossing (bodies of control flow), which owns the block.
  void take(size_t i, Crossing& out);
  /// Releases what the run still owns.
  void reset() noexcept;
  /// Between runs: gives back the memory that is kept for the next one.
  void release_memory() noexcept;
  Allocator& arena() { return *arena_; }
  const plan::Plan& plan() const { return program_.plan; }

  // KernelHost, for the current step.
  ops::TensorRef& allocate_output(size_t j, DType t, std::span<const int64_t> dims) override;
  void set_output(size_t j, Value v) override;
  Value input_value(size_t i) override;
  void* scratch(size_t bytes) override;

 private:
  friend class Tracer;
  friend class LaneRun;
  friend struct ControlFlow;
  struct State {
    void* block = nullptr;  ///< owned arena memory
    Value handle;
    Dims dims;           ///< of data-dependent results
    bool owned = false;  ///< listed in owned_
    size_t wanted = 0;   ///< bytes to allocate when the step comes (without pattern), plus 1
  };
  struct Slab {
    void* data = nullptr;
    size_t bytes = 0;
    size_t need = 0;    ///< of the run at hand
    bool used = false;  ///< by the run at hand
    KeepPolicy policy;
  };

  void open_device_work();
  void drop_idle_slabs();
  void run_path();
  void run_segment(const std::shared_ptr<Segment>& s);
  bool may_use_lanes() const;
  void need_slabs(const Segment& s);
  void fit_shared_slab(Slab& slab, size_t domain, size_t bytes);
  LaneRun& lane_run(const LaneChoice::Decision& d);
  std::string_view root_key();
  std::string_view observed_key(const Segment& s);
  void enter(const std::shared_ptr<Segment>& s);
  void place(const SlotShape& s, std::span<const Slab> slabs);
  bool fits(const Segment& s);
  void fit_slab(Slab& slab, size_t domain, size_t bytes);
  void fit_scratch() noexcept;
  void note_scratch() noexcept;
  void allocate_outputs(const plan::Step& step);
  /// `ns`, when given, gets what each step took, without the observer.
  void run_steps(uint32_t begin, uint32_t end, std::vector<double>* ns = nullptr);
  StepView view(uint32_t i) const;
  void run_step(const plan::Step& step);
  void run_kernel(const plan::Step& step, ops::KernelHost& host);
  void trace_from(Segment* parent, std::string key, uint32_t begin);
  void release(plan::SlotId s) noexcept;
  void own(plan::SlotId s);
  void* allocate(size_t bytes, plan::SlotId for_slot);
  Allocator& memory_in(size_t domain) const;
  void free_block(plan::SlotId s, void* block) noexcept;
  /// Copies the bytes of a slot in another memory to the host.
  void read_back(plan::SlotId s, void* to);
  Frame& child(uint32_t region);
  /// Carried values (0), their successors (1) and scan results (2) of the control-flow step that runs.
  std::vector<Crossing>& crossings(size_t list, size_t n);
  std::vector<Stack>& stacks(size_t n);
  void adopt(plan::SlotId s, Crossing& c);
  const Value* preset(plan::SlotId s, const Dims& dims) const;

  Program& program_;
  const plan::Plan& plan_;
  std::shared_ptr<Allocator> arena_;
  std::vector<ops::TensorRef> refs_;
  std::vector<State> states_;
  std::vector<plan::SlotId> owned_;
  std::vector<std::shared_ptr<Segment>> bound_;  ///< segments of the current path
  std::shared_ptr<Segment> root_;                ///< segment of root_key_, as the tree has it
  size_t depth_ = 0;
  std::vector<std::shared_ptr<Segment>> path_;  ///< of the run at hand, as the tree has them
  std::vector<std::vector<Slab>> lane_slabs_;   ///< per depth and domain: of segments on lanes
  std::vector<Slab> slabs_;                     ///< per domain: of the others, all together
  std::unique_ptr<DeviceWork> device_work_;     ///< of the outermost frame, when the plan has devices
  std::vector<Value> presets_;                  ///< per result
  std::string key_, root_key_;
  std::vector<std::unique_ptr<Frame>> children_;
  struct LoopState;  ///< carried values and stacks of the control-flow step that runs
  std::unique_ptr<LoopState> loop_;
  struct ScratchBlock {
    char* data;
    size_t bytes;
  };
  std::vector<ScratchBlock> scratch_;
  size_t scratch_block_ = 0, scratch_used_ = 0;
  std::vector<std::unique_ptr<LaneRun>> lane_runs_;
  size_t scratch_peak_ = 0;  ///< of the run at hand
  KeepPolicy scratch_policy_;
  const plan::Step* step_ = nullptr;
  RunContext context_;
};

/// Frames of one program that wait for a run. The one that waits longest goes when the runs have long managed without.
class FramePool {
 public:
  /// `keep` false: a frame that waits holds no memory of `arena`.
  FramePool(Program& program, std::shared_ptr<Allocator> arena, bool keep = true)
      : program_(program), arena_(std::move(arena)), keep_(keep) {}
  std::unique_ptr<Frame> take();
  void give(std::unique_ptr<Frame> f);
  /// The frames that wait give their memory back.
  void release_memory() noexcept;

 private:
  struct Idle {
    std::unique_ptr<Frame> frame;
    uint64_t since;  ///< number of runs so far
  };
  Program& program_;
  std::shared_ptr<Allocator> arena_;
  const bool keep_;
  OwnedForkMutex mutex_;
  std::vector<Idle> idle_;
  uint64_t runs_ = 0;
};

}  // namespace tenon::exec
