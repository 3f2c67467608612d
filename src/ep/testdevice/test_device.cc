// Claims, kernels, copies and faults of the test device.
#include "ep/testdevice/test_device.h"

#include <cstring>
#include <mutex>

#include "base/error.h"
#include "base/value_data.h"
#include "ep/testdevice/group.h"
#include "ep/testdevice/stream.h"

namespace tenon::ep::testdevice {

using graph::kNone;
using memory::GuardedMemory;

namespace {

constexpr uint32_t kVendor = 0x7E57;

uint64_t mix(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// Device memory that can run out on demand.
class FaultyMemory final : public Allocator {
 public:
  FaultyMemory(std::shared_ptr<GuardedMemory> memory, std::function<bool()> fails)
      : memory_(std::move(memory)), fails_(std::move(fails)) {}
  void* alloc(size_t bytes, size_t alignment, void* stream) noexcept override {
    return fails_() ? nullptr : memory_->alloc(bytes, alignment, stream);
  }
  void free(void* p) noexcept override { memory_->free(p); }
  AllocatorStats stats() const noexcept override { return memory_->stats(); }
  Device device() const noexcept override { return memory_->device(); }
  std::string name() const override { return memory_->name(); }

 private:
  std::shared_ptr<GuardedMemory> memory_;
  std::function<bool()> fails_;
};

/// A tensor that a task of a stream can keep.
struct Kept {
  explicit Kept(const ops::TensorRef& r) : ref(r), dims(r.dims()) {}
  ops::TensorRef get() const {
    ops::TensorRef r = ref;
    r.dim = dims.data();
    return r;
  }
  ops::TensorRef ref;
  Dims dims;
};

std::vector<Kept> kept_inputs(const ops::KernelContext& c) {
  std::vector<Kept> in;
  for (size_t i = 0; i < c.num_inputs(); ++i) in.emplace_back(c.has_input(i) ? c.input(i) : ops::TensorRef{});
  return in;
}

/// Every result has memory: dims are known before the kernel runs.
bool all_placed(const ops::KernelContext& c) {
  for (size_t j = 0; j < c.num_outputs(); ++j)
    if (c.has_output(j) && !c.output(j).data) return false;
  return true;
}

}  // namespace

struct State {
  explicit State(const Options& o)
      : options(o),
        memory(std::make_shared<GuardedMemory>(Device{Device::Type::kNpu, kVendor, o.device_id},
                                               fmt::format("TestDevice{}", o.device_id))),
        clock(o.costs) {}

  bool fails(Site site) { return options.fault == site && ++calls == options.fault_at; }
  void fault(Site site, const char* what) {
    if (fails(site)) fail(ErrorCode::kEpFail, "test device {}: fault on demand in {}", options.device_id, what);
  }

  Options options;
  std::shared_ptr<GuardedMemory> memory;
  std::atomic<int> calls{0};
  CostClock clock;
};

namespace {

/// Runs a task that costs `ns` now, or in the stream.
template <class Task>
void submit(const std::shared_ptr<State>& state, Stream* stream, int64_t ns, Task task) {
  auto guarded = [state, ns, task = std::move(task)] {
    state->fault(Site::kKernel, "a kernel");
    const GuardedMemory::Open open(state->memory.get());
    task();
    state->clock.ran(ns);
  };
  if (stream)
    static_cast<TestStream*>(stream)->enqueue(std::move(guarded));
  else
    guarded();
}

/// The CPU's kernel on tensors that a task has kept.
class KeptRun final : public ops::KernelHost {
 public:
  KeptRun(std::vector<Kept> in, std::vector<Kept> out, GuardedMemory& memory) : memory_(memory), in_(std::move(in)) {
    for (const Kept& k : in_) refs_.push_back(k.get());
    out_ = std::move(out);
    for (const Kept& k : out_) refs_.push_back(k.get());
    for (uint32_t i = 0; i < refs_.size(); ++i)
      (i < in_.size() ? in_index_ : out_index_).push_back(refs_[i].dtype == DType::kUndefined ? UINT32_MAX : i);
  }
  ~KeptRun() override {
    for (void* p : blocks_) memory_.free(p);
  }
  void run(const ops::Kernel& kernel) {
    ops::KernelContext c(refs_.data(), in_index_, out_index_, {}, *this);
    kernel.run(c);
  }
  ops::TensorRef& allocate_output(size_t j, DType t, std::span<const int64_t> dims) override {
    ops::TensorRef& r = refs_[in_.size() + j];
    if (r.dtype != t || !std::ranges::equal(r.dims(), dims))
      fail(ErrorCode::kEpFail, "result {} has shape {}, memory is there for {}", j, to_string(dims),
           to_string(r.dims()));
    return r;
  }
  void set_output(size_t j, Value v) override {
    std::memcpy(allocate_output(j, v.dtype(), v.dims()).data, v.data(), v.bytes());
  }
  Value input_value(size_t i) override { return ValueAccess::view(refs_[i].dtype, refs_[i].dims(), refs_[i].data); }
  void* scratch(size_t bytes) override {
    blocks_.push_back(memory_.alloc(bytes, 64, nullptr));
    if (!blocks_.back()) fail_out_of_memory(bytes, "memory of the test device");
    return blocks_.back();
  }

 private:
  GuardedMemory& memory_;
  std::vector<Kept> in_, out_;
  std::vector<ops::TensorRef> refs_;
  std::vector<uint32_t> in_index_, out_index_;
  std::vector<void*> blocks_;
};

class DeviceKernel final : public Executable {
 public:
  DeviceKernel(std::shared_ptr<State> state, std::unique_ptr<const ops::Kernel> kernel, bool reads_host, int64_t ns)
      : state_(std::move(state)), kernel_(std::move(kernel)), reads_host_(reads_host), ns_(ns) {}

  void run(ops::KernelContext& c) const override {
    if (c.stream && all_placed(c) && !reads_host_) {
      std::vector<Kept> in = kept_inputs(c), out;
      for (size_t j = 0; j < c.num_outputs(); ++j) out.emplace_back(c.has_output(j) ? c.output(j) : ops::TensorRef{});
      submit(state_, c.stream, ns_, [state = state_.get(), kernel = kernel_, in = std::move(in), out = std::move(out)] {
        KeptRun(in, out, *state->memory).run(*kernel);
      });
      return;
    }
    if (c.stream) c.stream->synchronize();
    submit(state_, nullptr, ns_, [&] { kernel_->run(c); });
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<const ops::Kernel> kernel_;
  bool reads_host_;
  int64_t ns_;  ///< in the simulation
};

class DeviceGroup final : public Executable {
 public:
  DeviceGroup(std::shared_ptr<State> state, const graph::Graph& body, Isa isa)
      : state_(std::move(state)), group_(std::make_shared<Interpreter>(body, isa)), ns_(state_->clock.of(body)) {}

  void run(ops::KernelContext& c) const override {
    std::vector<Kept> in = kept_inputs(c);
    if (c.stream && all_placed(c)) {
      std::vector<Kept> out;
      for (size_t j = 0; j < c.num_outputs(); ++j) out.emplace_back(c.output(j));
      submit(state_, c.stream, ns_, [state = state_.get(), group = group_, in = std::move(in), out = std::move(out)] {
        start(
            *group, in, [&](size_t j, DType, std::span<const int64_t>) { return out[j].get(); }, *state);
      });
      return;
    }
    if (c.stream) c.stream->synchronize();
    submit(state_, nullptr, ns_, [&] {
      start(
          *group_, in, [&](size_t j, DType t, std::span<const int64_t> dims) { return c.output(j, t, dims); }, *state_);
    });
  }

 private:
  static void start(const Interpreter& group, const std::vector<Kept>& in, const Interpreter::Output& output,
                    State& state) {
    std::vector<ops::TensorRef> refs;
    for (const Kept& k : in) refs.push_back(k.get());
    group.run(refs, output, *state.memory);
  }
  std::shared_ptr<State> state_;
  std::shared_ptr<const Interpreter> group_;
  int64_t ns_;
};

}  // namespace

class TestDevice::Transfer final : public DataTransfer {
 public:
  explicit Transfer(std::shared_ptr<State> state) : state_(std::move(state)) {}

  bool can_copy(const Device& from, const Device& to) const override {
    const Device host, own = state_->memory->device();
    if ((from == own && to == host) || (from == host && to == own)) return true;
    const bool other = from == own ? to.vendor == kVendor : to == own && from.vendor == kVendor;
    return state_->options.peer && other;
  }

  void copy(const ops::TensorRef& from, const Device& from_device, const ops::TensorRef& to, const Device&,
            Stream* stream) override {
    state_->fault(Site::kCopy, "a copy");
    const size_t bytes = from.bytes();
    state_->clock.copied(bytes);
    if (from_device == Device{} && stream) {  // the source may change as soon as this returns
      std::vector<char> staged(bytes);
      if (bytes) std::memcpy(staged.data(), from.data, bytes);
      static_cast<TestStream*>(stream)->enqueue([state = state_, to = to.data, staged = std::move(staged)] {
        const GuardedMemory::Open open(state->memory.get());
        if (!staged.empty()) std::memcpy(to, staged.data(), staged.size());
      });
      return;
    }
    if (stream) stream->synchronize();
    const GuardedMemory::Open open(state_->memory.get());
    GuardedMemory* other = GuardedMemory::holding(from.data);
    const GuardedMemory::Open open_other(other == state_->memory.get() ? nullptr : other);
    GuardedMemory* target = GuardedMemory::holding(to.data);
    const GuardedMemory::Open open_target(target == state_->memory.get() ? nullptr : target);
    if (bytes) std::memcpy(to.data, from.data, bytes);
  }

 private:
  std::shared_ptr<State> state_;
};

TestDevice::TestDevice(const Options& options)
    : options_(options), state_(std::make_shared<State>(options)), transfer_(std::make_unique<Transfer>(state_)) {}

Capability TestDevice::capability(const GraphView& view) {
  state_->fault(Site::kCapability, "capability");
  Capability c;
  Claim all{{}, "TestDevice"};
  for (graph::NodeId id : view.nodes) {
    const graph::Node& n = view.graph.node(id);
    const std::string op = n.def || n.domain.empty() ? n.op : n.domain + "." + n.op;
    const auto draw = static_cast<double>(mix(options_.seed ^ mix(id)) >> 11) * 0x1p-53;
    if ((!options_.ops.empty() && !options_.ops.contains(op)) || options_.except.contains(op))
      c.refusals.push_back({id, fmt::format("{} is not in its list of operators", op)});
    else if (draw >= options_.share)
      c.refusals.push_back({id, "left out by the draw"});
    else if (n.def && (n.def->lowering > graph::Lowering::kView || !n.def->make))
      c.refusals.push_back({id, "it has no kernel"});
    else if (n.def && !n.def->deterministic)
      c.refusals.push_back({id, "it runs no random operators"});
    else if (options_.fuse)
      all.nodes.push_back(id);
    else
      c.claims.push_back({{id}, {}});
  }
  if (!all.nodes.empty()) c.claims.push_back(std::move(all));
  return c;
}

std::vector<std::unique_ptr<const Executable>> TestDevice::compile(std::span<const Subgraph> groups,
                                                                   const CompileContext& context) {
  state_->fault(Site::kCompile, "compile");
  std::vector<std::unique_ptr<const Executable>> out;
  for (const Subgraph& s : groups) out.push_back(std::make_unique<DeviceGroup>(state_, *s.body, context.isa));
  return out;
}

std::unique_ptr<const Executable> TestDevice::kernel(const graph::Node& node, const ops::NodeInfo& info) {
  bool reads_host = false;
  for (size_t i = 0; i < node.inputs.size(); ++i) reads_host |= on_host(node, false, i);
  return std::make_unique<DeviceKernel>(state_, node.def->make(info), reads_host, state_->clock.of(node));
}

Device TestDevice::device() const { return state_->memory->device(); }
std::shared_ptr<Allocator> TestDevice::allocator() {
  if (options_.fault != Site::kAlloc) return state_->memory;
  return std::make_shared<FaultyMemory>(state_->memory, [s = state_] { return s->fails(Site::kAlloc); });
}
DataTransfer* TestDevice::transfer() { return transfer_.get(); }

std::unique_ptr<Stream> TestDevice::make_stream() {
  return std::make_unique<TestStream>(options_.max_delay_us, options_.seed,
                                      [s = state_] { s->fault(Site::kSync, "synchronize"); });
}

bool TestDevice::on_host(const graph::Node& node, bool is_result, size_t i) const {
  struct Shapes {
    std::string_view op;
    size_t first, last;
  };
  static constexpr Shapes kShapes[] = {{"Reshape", 1, 1}, {"Expand", 1, 1}, {"Slice", 1, 4},
                                       {"Tile", 1, 1},    {"Pad", 1, 1},    {"ConstantOfShape", 0, 0}};
  if (!options_.host_shapes || is_result) return false;
  for (const Shapes& s : kShapes)
    if (s.op == node.op) return i >= s.first && i <= s.last;
  return false;
}

const SimulatedClock* TestDevice::simulated_clock() const {
  return options_.costs.simulated ? &state_->clock : nullptr;
}

void TestDevice::run_start() { state_->fault(Site::kRunStart, "run_start"); }

}  // namespace tenon::ep::testdevice
