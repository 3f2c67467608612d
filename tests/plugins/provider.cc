// A library with a provider that has every ability, built against include/ alone. Its options say which it uses, and
// where it fails: ops=Neg,Abs fuse=0|1 memory=0|1 streams=0|1 fail=capability|compile|kernel|copy|run|run_start.
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
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
      else if (key == "fuse" || key == "memory" || key == "streams")
        (key == "fuse" ? fuse : key == "memory" ? memory : streams) = value == "1";
      else
        throw std::invalid_argument("unknown option " + key);
    }
  }
  void fault(const char* where) const {
    if (fail == where) throw std::runtime_error(std::string("told to fail in ") + where);
  }
  std::string ops = "Neg,Abs,Add", fail;
  bool fuse = true, memory = false, streams = false;
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

/// Elementwise steps over equal shapes, item by item.
class Chain final : public Kernel {
 public:
  Chain(const Settings& s, std::vector<Step> steps, size_t inputs, std::vector<size_t> outputs, size_t rows,
        std::unordered_map<size_t, float> constants)
      : settings_(s),
        steps_(std::move(steps)),
        inputs_(inputs),
        outputs_(std::move(outputs)),
        rows_(rows),
        constants_(std::move(constants)) {}

  void run(RunContext& c) const override {
    settings_.fault("run");
    std::vector<TensorView> in;
    for (size_t i = 0; i < inputs_; ++i) in.push_back(c.input(i));
    std::vector<Tensor> out;
    for (size_t j = 0; j < outputs_.size(); ++j) out.push_back(c.output(j, in[0].dims));
    const auto work = [this, in, out] { items(in, out); };
    if (auto* queue = static_cast<Queue*>(c.stream()))
      queue->push(work);
    else
      work();
  }

 private:
  void items(const std::vector<TensorView>& in, const std::vector<Tensor>& out) const {
    std::vector<float> row(rows_);
    for (const auto& [at, value] : constants_) row[at] = value;
    for (int64_t k = 0; k < in[0].count; ++k) {
      for (size_t i = 0; i < in.size(); ++i) {
        const float* p = static_cast<const float*>(in[i].data) + k;
        settings_.memory ? invert(&row[i], p, sizeof(float)) : void(row[i] = *p);
      }
      for (const Step& s : steps_) {
        const float a = row[s.from[0]];
        row[s.to] = s.op == "Neg" ? -a : s.op == "Abs" ? std::fabs(a) : a + row[s.from[1]];
      }
      for (size_t j = 0; j < out.size(); ++j) {
        float* p = static_cast<float*>(out[j].data) + k;
        settings_.memory ? invert(p, &row[outputs_[j]], sizeof(float)) : void(*p = row[outputs_[j]]);
      }
    }
  }
  const Settings& settings_;
  std::vector<Step> steps_;
  size_t inputs_;
  std::vector<size_t> outputs_;
  size_t rows_;
  std::unordered_map<size_t, float> constants_;
};

class Everything final : public Provider, RunEvents, Streams {
 public:
  explicit Everything(const std::map<std::string, std::string>& options) : settings_(options), memory_(settings_) {}

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
      std::unordered_map<std::string_view, size_t> rows;
      std::unordered_map<size_t, float> constants;
      const auto row = [&](const ValueView& v) {
        const size_t at = rows.try_emplace(v.name(), rows.size()).first->second;
        if (const auto c = v.constant()) constants[at] = c->as<float>()[0];
        return at;
      };
      for (const ValueView* v : g.graph.inputs()) row(*v);
      std::vector<Step> steps;
      for (const NodeView* n : g.graph.nodes()) {
        Step s{std::string(n->op()), {}, 0};
        for (size_t i = 0; i < n->num_inputs(); ++i) s.from.push_back(row(*n->input(i)));
        s.to = row(*n->output(0));
        steps.push_back(std::move(s));
      }
      std::vector<size_t> outputs;
      for (const ValueView* v : g.graph.outputs()) outputs.push_back(row(*v));
      out.push_back(std::make_unique<const Chain>(settings_, std::move(steps), g.graph.inputs().size(),
                                                  std::move(outputs), rows.size(), std::move(constants)));
    }
    return out;
  }

  std::unique_ptr<const Kernel> kernel(const KernelInfo& node) override {
    settings_.fault("kernel");
    Step s{std::string(node.op()), {0, node.num_inputs() - 1}, 2};
    return std::make_unique<const Chain>(settings_, std::vector{s}, node.num_inputs(), std::vector<size_t>{2}, 3,
                                         std::unordered_map<size_t, float>());
  }

  Memory* memory() override { return settings_.memory ? &memory_ : nullptr; }
  Streams* streams() override { return settings_.streams ? this : nullptr; }
  RunEvents* run_events() override { return this; }
  std::unique_ptr<Stream> make_stream() override { return std::make_unique<Queue>(); }
  void run_start() override { settings_.fault("run_start"); }
  void run_end() override {}

 private:
  /// All operands are floats of the result's dims, or constants of one element that a group may hold.
  std::string obstacle(const GraphView& graph, const NodeView& n) const {
    const TensorType y = n.output(0)->type();
    if (y.dtype != DType::kFloat) return "its result is no tensor of floats";
    if (!y.dims) return "its rank is not known";
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

  Settings settings_;
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
