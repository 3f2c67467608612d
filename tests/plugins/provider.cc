// A library with a provider that has every ability, built against include/ alone. Its options say which it uses, and
// where it fails: ops=Neg,Abs fuse=0|1 memory=0|1 streams=0|1 layout=0|1
// fail=capability|compile|kernel|copy|run|run_start|run_end|restore. The dynamic option `factor` scales all results.
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <unordered_map>

#include "tenon/provider.h"

namespace {

using namespace tenon::plugin;
using tenon::Device;
using tenon::DType;

/// A device whose memory the host misreads: every byte is inverted.
constexpr Device kDevice{Device::Type::kNpu, 0xABCD, 0};

void invert(void* to, const void* from, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i)
    static_cast<unsigned char*>(to)[i] = static_cast<unsigned char>(~static_cast<const unsigned char*>(from)[i]);
}

class Blocks final : public tenon::Allocator {
 public:
  void* alloc(size_t bytes, size_t alignment, void*) noexcept override {
    return std::aligned_alloc(alignment, (bytes + alignment) / alignment * alignment);
  }
  void free(void* p) noexcept override { std::free(p); }
  Device device() const noexcept override { return kDevice; }
  std::string name() const override { return "Inverted"; }
};

/// A thread that works off tasks in order.
class Queue final : public Stream {
 public:
  ~Queue() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    worker_.join();
  }
  void push(std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_all();
  }
  void synchronize() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return tasks_.empty(); });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stop_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const bool failed = error_ != nullptr;
      const std::function<void()>& task = tasks_.front();
      lock.unlock();
      std::exception_ptr error;
      try {
        if (!failed) task();
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      if (error) error_ = error;
      tasks_.pop_front();
      changed_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::exception_ptr error_;
  bool stop_ = false;
  std::thread worker_{[this] { work(); }};
};

struct Settings {
  explicit Settings(const std::map<std::string, std::string>& options) {
    for (const auto& [key, value] : options) {
      if (key == "ops")
        ops = value;
      else if (key == "fail")
        fail = value;
      else if (key == "fuse" || key == "memory" || key == "streams" || key == "layout")
        (key == "fuse" ? fuse : key == "memory" ? memory : key == "streams" ? streams : layout) = value == "1";
      else
        throw std::invalid_argument("unknown option " + key);
    }
  }
  void fault(const char* where) const {
    if (fail == where) throw std::runtime_error(std::string("told to fail in ") + where);
  }
  std::string ops = "Neg,Abs,Add", fail;
  bool fuse = true, memory = false, streams = false, layout = false;
};

/// What kernels and the provider share: settings, the dynamic option, and the trace.
struct State {
  explicit State(const std::map<std::string, std::string>& options) : settings(options) {}
  const Settings settings;
  std::atomic<float> factor{1};
  std::atomic<bool> tracing{false};
  std::mutex mutex;
  std::vector<TraceEvent> events;
};

class InvertedMemory final : public Memory {
 public:
  explicit InvertedMemory(const Settings& s) : settings_(s) {}
  Device device() const override { return kDevice; }
  std::shared_ptr<tenon::Allocator> allocator() override { return std::make_shared<Blocks>(); }
  bool can_copy(const Device& from, const Device& to) const override {
    return (from == kDevice && to == Device{}) || (from == Device{} && to == kDevice);
  }
  void copy(const TensorView& from, const Device&, const Tensor& to, const Device&, Stream* stream) override {
    settings_.fault("copy");
    if (stream) stream->synchronize();
    invert(to.data, from.data, from.bytes);
  }

 private:
  const Settings& settings_;
};

/// One operation on numbered rows of floats.
struct Step {
  std::string op;
  std::vector<size_t> from;
  size_t to;
};

/// Steps over rows: the first `inputs` rows are the operands.
struct Program {
  std::vector<Step> steps;
  size_t inputs = 0, rows = 0;
  std::vector<size_t> outputs;
  std::unordered_map<size_t, float> constants;

  std::string text() const {
    std::ostringstream out;
    out << inputs << ' ' << rows << ' ' << outputs.size();
    for (const size_t o : outputs) out << ' ' << o;
    out << ' ' << constants.size();
    for (const auto& [at, value] : constants) out << ' ' << at << ' ' << value;
    for (const Step& s : steps) out << ' ' << s.op << ' ' << s.to << ' ' << s.from[0] << ' ' << s.from.back();
    return out.str();
  }
  static Program parse(const std::string& text) {
    std::istringstream in(text);
    Program p;
    size_t count = 0, at = 0;
    in >> p.inputs >> p.rows >> count;
    for (p.outputs.resize(count); size_t & o : p.outputs) in >> o;
    in >> count;
    for (float value = 0; count > 0; --count) in >> at >> value, p.constants[at] = value;
    for (Step s{{}, {0, 0}, 0}; in >> s.op >> s.to >> s.from[0] >> s.from[1];) p.steps.push_back(s);
    return p;
  }
};

/// Elementwise steps over equal shapes, item by item.
class Chain final : public Kernel {
 public:
  Chain(State& state, Program p) : program(std::move(p)), state_(state) {}
  const Program program;

  void run(RunContext& c) const override {
    state_.settings.fault("run");
    std::vector<TensorView> in;
    for (size_t i = 0; i < program.inputs; ++i) in.push_back(c.input(i));
    std::vector<Tensor> out;
    for (size_t j = 0; j < program.outputs.size(); ++j) out.push_back(c.output(j, in[0].dims));
    const auto work = [this, in, out] { items(in, out); };
    if (auto* queue = static_cast<Queue*>(c.stream()))
      queue->push(work);
    else
      work();
  }

 private:
  void items(const std::vector<TensorView>& in, const std::vector<Tensor>& out) const {
    const auto begin = std::chrono::steady_clock::now();
    const bool inverted = state_.settings.memory;
    const float factor = state_.factor;
    std::vector<float> row(program.rows);
    for (const auto& [at, value] : program.constants) row[at] = value;
    for (int64_t k = 0; k < in[0].count; ++k) {
      for (size_t i = 0; i < in.size(); ++i) {
        const float* p = static_cast<const float*>(in[i].data) + k;
        inverted ? invert(&row[i], p, sizeof(float)) : void(row[i] = *p);
      }
      for (const Step& s : program.steps) {
        const float a = row[s.from[0]];
        row[s.to] = s.op == "Neg" ? -a : s.op == "Abs" ? std::fabs(a) : a + row[s.from[1]];
      }
      for (size_t j = 0; j < out.size(); ++j) {
        float* p = static_cast<float*>(out[j].data) + k;
        const float y = row[program.outputs[j]] * factor;
        inverted ? invert(p, &y, sizeof(float)) : void(*p = y);
      }
    }
    if (!state_.tracing) return;
    const std::lock_guard lock(state_.mutex);
    state_.events.push_back({"chain", "queue", begin, std::chrono::steady_clock::now() - begin});
  }
  State& state_;
};

class Everything final : public Provider, RunEvents, Streams, LayoutChoice, CompiledContext, DynamicOptions, Tracing {
 public:
  explicit Everything(const std::map<std::string, std::string>& options) : state_(options), memory_(settings_) {}

  Capability capability(const GraphView& graph, std::span<const NodeView* const> free) override {
    settings_.fault("capability");
    Capability c;
    Claim all{{}, "Everything"};
    for (const NodeView* n : free) {
      if (("," + settings_.ops + ",").find("," + std::string(n->op()) + ",") == std::string::npos)
        c.refusals.push_back({n->id(), std::string(n->op()) + " is not in its list"});
      else if (const std::string why = obstacle(graph, *n); !why.empty())
        c.refusals.push_back({n->id(), why});
      else if (settings_.fuse)
        all.nodes.push_back(n->id());
      else
        c.claims.push_back({{n->id()}});
    }
    if (!all.nodes.empty()) c.claims.push_back(std::move(all));
    return c;
  }

  std::vector<std::unique_ptr<const Kernel>> compile(std::span<const Group> groups, Services& services) override {
    settings_.fault("compile");
    std::vector<std::unique_ptr<const Kernel>> out;
    for (const Group& g : groups) {
      services.log(1, "compiles " + std::string(g.name));
      Program p;
      std::unordered_map<std::string_view, size_t> rows;
      const auto row = [&](const ValueView& v) {
        const size_t at = rows.try_emplace(v.name(), rows.size()).first->second;
        if (const auto c = v.constant()) p.constants[at] = c->as<float>()[0];
        return at;
      };
      for (const ValueView* v : g.graph.inputs()) row(*v);
      p.inputs = rows.size();
      for (const NodeView* n : g.graph.nodes()) {
        Step s{std::string(n->op()), {}, 0};
        for (size_t i = 0; i < n->num_inputs(); ++i) s.from.push_back(row(*n->input(i)));
        s.to = row(*n->output(0));
        p.steps.push_back(std::move(s));
      }
      for (const ValueView* v : g.graph.outputs()) p.outputs.push_back(row(*v));
      p.rows = rows.size();
      out.push_back(std::make_unique<const Chain>(state_, std::move(p)));
    }
    return out;
  }

  std::unique_ptr<const Kernel> kernel(const KernelInfo& node) override {
    settings_.fault("kernel");
    return std::make_unique<const Chain>(
        state_, Program{{{std::string(node.op()), {0, node.num_inputs() - 1}, 2}}, node.num_inputs(), 3, {2}, {}});
  }

  Memory* memory() override { return settings_.memory ? &memory_ : nullptr; }
  Streams* streams() override { return settings_.streams ? this : nullptr; }
  RunEvents* run_events() override { return this; }
  LayoutChoice* layout() override { return settings_.layout ? this : nullptr; }
  CompiledContext* context() override { return this; }
  DynamicOptions* dynamic_options() override { return this; }
  Tracing* tracing() override { return this; }
  std::unique_ptr<Stream> make_stream() override { return std::make_unique<Queue>(); }
  void run_start() override { settings_.fault("run_start"); }
  void run_end() override { settings_.fault("run_end"); }

  Layout preferred() const override { return Layout::kNhwc; }
  std::optional<LayoutFit> fit(const NodeView& node) const override {
    if (node.op() != "Neg" || node.input(0)->type().dims->size() != 4) return LayoutFit{};
    return LayoutFit{LayoutFit::kWanted, 1, 1};
  }

  std::string version() const override { return "7"; }
  std::string serialize(const Group&, const Kernel& kernel) override {
    return static_cast<const Chain&>(kernel).program.text();
  }
  std::unique_ptr<const Kernel> restore(const NodeView& node, std::span<const std::byte> bytes) override {
    settings_.fault("restore");
    Program p = Program::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (p.inputs != node.num_inputs()) throw std::runtime_error("other operands than were compiled");
    return std::make_unique<const Chain>(state_, std::move(p));
  }

  std::vector<std::string> keys() const override { return {"factor"}; }
  void set(std::string_view, const std::string& value) override { state_.factor = std::stof(value); }

  void trace(bool on) override { state_.tracing = on; }
  std::vector<TraceEvent> take() override {
    const std::lock_guard lock(state_.mutex);
    return std::exchange(state_.events, {});
  }

 private:
  /// All operands are floats of the result's dims, or constants of one element that a group may hold.
  std::string obstacle(const GraphView& graph, const NodeView& n) const {
    const TensorType y = n.output(0)->type();
    if (y.dtype != DType::kFloat) return "its result is no tensor of floats";
    if (!y.dims) return "its rank is not known";
    if (n.num_inputs() == 1) return "";
    bool value = false;
    for (size_t i = 0; i < n.num_inputs(); ++i) {
      const ValueView& v = *n.input(i);
      const auto c = v.constant();
      if (c && c->count == 1 && settings_.fuse) continue;
      const TensorType x = v.type();
      if (x.dims != y.dims)
        return "its operands have other dims" + (y.dims->empty() ? "" : " than " + graph.text((*y.dims)[0]));
      value = true;
    }
    return value ? "" : "all of it is constant";
  }

  State state_;
  const Settings& settings_ = state_.settings;
  InvertedMemory memory_;
};

void add(std::vector<ProviderFactory>& factories) {
  factories.push_back(
      {.name = "EverythingExecutionProvider",
       .vendor = "Tests",
       .version = "7",
       .devices = {{.type = Device::Type::kNpu, .vendor = "Tests", .vendor_id = 0xABCD, .device_id = 3}},
       .make = [](const std::map<std::string, std::string>& o) { return std::make_unique<Everything>(o); }});
}

}  // namespace

TENON_PROVIDERS(add)
