// Claims, kernels, copies and faults of the test device.
#include "ep/testdevice/test_device.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "ep/layout.h"
#include "ep/testdevice/channels_last.h"
#include "ep/testdevice/contexts.h"
#include "ep/testdevice/executables.h"
#include "ep/testdevice/state.h"

namespace tenon::ep::testdevice {

using graph::kNone;
using memory::GuardedMemory;

namespace {

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

class TestDevice::Layouts final : public LayoutChoice {
 public:
  Layout preferred() const override { return Layout::kNhwc; }
};

class TestDevice::Dynamic final : public DynamicOptions {
 public:
  explicit Dynamic(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::span<const std::string_view> keys() const override { return kKeys; }
  void set(std::string_view, const std::string& value) override {
    state_->delay_us = Options::parse({{"delay_us", value}}).delay_us;
  }

 private:
  static constexpr std::array<std::string_view, 1> kKeys = {"delay_us"};
  std::shared_ptr<State> state_;
};

class TestDevice::Traces final : public Tracing {
 public:
  explicit Traces(std::shared_ptr<State> state) : state_(std::move(state)) {}
  void trace(bool on) override { state_->tracing = on; }
  std::vector<TraceEvent> take() override {
    std::lock_guard lock(state_->trace_mutex);
    return std::exchange(state_->trace, {});
  }

 private:
  std::shared_ptr<State> state_;
};

TestDevice::TestDevice(const Options& options)
    : options_(options),
      state_(std::make_shared<State>(options)),
      transfer_(std::make_unique<Transfer>(state_)),
      layouts_(options.nhwc ? std::make_unique<Layouts>() : nullptr),
      contexts_(std::make_unique<Contexts>(state_)),
      dynamic_(std::make_unique<Dynamic>(state_)),
      traces_(std::make_unique<Traces>(state_)) {}
TestDevice::~TestDevice() = default;

namespace {

bool in_other_layout(const graph::Graph& g, const graph::Node& n) {
  const auto other = [&](graph::ValueId v) { return v != kNone && g.type(v).layout != Layout::kPlain; };
  return std::ranges::any_of(n.inputs, other) || std::ranges::any_of(n.outputs, other);
}

}  // namespace

Capability TestDevice::capability(const GraphView& view) {
  state_->fault(Site::kCapability, "capability");
  Capability c;
  Claim all{{}, "TestDevice"};
  for (graph::NodeId id : view.nodes) {
    const graph::Node& n = view.graph.node(id);
    const std::string op = n.def || n.domain.empty() ? n.op : n.domain + "." + n.op;
    const bool converts = n.def == &kConvertLayout && options_.nhwc;
    const auto draw = static_cast<double>(mix(options_.seed ^ mix(id)) >> 11) * 0x1p-53;
    if (!converts && ((!options_.ops.empty() && !options_.ops.contains(op)) || options_.except.contains(op)))
      c.refusals.push_back({id, fmt::format("{} is not in its list of operators", op)});
    else if (draw >= options_.share)
      c.refusals.push_back({id, "left out by the draw"});
    else if (n.def && (n.def->lowering > graph::Lowering::kView || !n.def->make))
      c.refusals.push_back({id, "it has no kernel"});
    else if (n.def && !n.def->deterministic)
      c.refusals.push_back({id, "it runs no random operators"});
    else if (options_.layout_except.contains(op) && in_other_layout(view.graph, n))
      c.refusals.push_back({id, fmt::format("{} is not in its list of operators for NHWC", op)});
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
  for (const Subgraph& s : groups)
    out.push_back(
        device_group(state_, {s.name, state_->clock.of(*s.body)}, std::make_shared<Interpreter>(*s.body, context.isa)));
  return out;
}

std::unique_ptr<const Executable> TestDevice::kernel(const graph::Node& node, const ops::NodeInfo& info) {
  bool reads_host = false;
  for (size_t i = 0; i < node.inputs.size(); ++i) reads_host |= is_on_host(*this, node, false, i);
  auto made = channels_last(node, info.inputs, info.outputs, node.def->make(info));
  return device_kernel(state_, {node.name, state_->clock.of(node)}, std::move(made), reads_host);
}

Device TestDevice::device() const { return state_->memory->device(); }
std::shared_ptr<Allocator> TestDevice::allocator() {
  if (options_.fault != Site::kAlloc) return state_->memory;
  return std::make_shared<FaultyMemory>(state_->memory, [s = state_] { return s->fails(Site::kAlloc); });
}
DataTransfer* TestDevice::transfer() { return transfer_.get(); }
LayoutChoice* TestDevice::layout() { return layouts_.get(); }
CompiledContext* TestDevice::context() { return contexts_.get(); }
DynamicOptions* TestDevice::dynamic_options() { return dynamic_.get(); }
Tracing* TestDevice::tracing() { return traces_.get(); }
SimulatedClock* TestDevice::simulated_clock() { return options_.costs.simulated ? &state_->clock : nullptr; }

std::unique_ptr<Stream> TestDevice::make_stream() {
  return std::make_unique<TestStream>(++state_->streams, options_.max_delay_us, options_.seed,
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

void TestDevice::run_start() { state_->fault(Site::kRunStart, "run_start"); }
void TestDevice::run_end() { state_->fault(Site::kRunEnd, "run_end"); }

}  // namespace tenon::ep::testdevice
