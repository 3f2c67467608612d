// Calls into a provider's library, and what comes back.
#include "ep/library/adapter.h"

#include <algorithm>
#include <deque>

#include "base/error.h"
#include "ep/library/abilities.h"
#include "ep/library/views.h"
#include "ops/plugin.h"

namespace tenon::ep::library {
namespace {

class SessionServices final : public plugin::Services {
 public:
  explicit SessionServices(const Logger* log) : log_(log) {}
  void log(int severity, std::string_view message) override {
    if (severity < 0 || severity > 4) fail("log severity: {} found, expected 0 (verbose) to 4 (fatal)", severity);
    const auto s = static_cast<Severity>(severity);
    if (log_ && log_->enabled(s)) log_->write(s, message);
  }

 private:
  const Logger* log_;
};

/// RunContext has tensors of known element types only.
bool all_tensors(const graph::Graph& g, graph::NodeId id) {
  const graph::Node& n = g.node(id);
  const auto is_tensor = [&](graph::ValueId v) {
    return v == graph::kNone || (g.type(v).is_tensor() && g.type(v).elem != DType::kUndefined);
  };
  return std::ranges::all_of(n.inputs, is_tensor) && std::ranges::all_of(n.outputs, is_tensor);
}

}  // namespace

Adapter::Adapter(std::shared_ptr<const void> library, std::string name, std::unique_ptr<plugin::Provider> provider)
    : library_(std::move(library)), name_(std::move(name)), provider_(std::move(provider)) {
  plugin::Provider& p = *provider_;
  ops::guarded([&] {
    memory_ = p.memory();
    if (memory_) device_ = memory_->device();
    if (memory_) transfer_ = std::make_unique<Transfer>(*memory_);
    if (auto* a = p.layout()) layout_ = std::make_unique<Layouts>(*a);
    if (auto* a = p.context()) context_ = std::make_unique<Contexts>(*a, library_);
    if (auto* a = p.dynamic_options()) dynamic_options_ = std::make_unique<Options>(*a);
    if (auto* a = p.tracing()) tracing_ = std::make_unique<Events>(*a);
  });
  if (memory_ && device_ == Device{})
    fail(ErrorCode::kEpFail, "{}: its memory is the host's, expected a device of its own", name_);
}

Adapter::~Adapter() = default;

Capability Adapter::capability(const GraphView& view) {
  Capability out;
  Views views(view.graph);
  std::vector<const plugin::NodeView*> free;
  for (graph::NodeId n : view.nodes) {
    if (all_tensors(view.graph, n))
      free.push_back(views.node(n));
    else
      out.refusals.push_back({n, "an operand or result is no tensor of a known type"});
  }
  if (free.empty()) return out;
  plugin::Capability said = ops::guarded([&] { return provider_->capability(views.region(view.region), free); });
  const auto check = [&](graph::NodeId n) {
    if (n >= view.graph.node_limit()) fail(ErrorCode::kEpFail, "{}: capability names node {}, there is none", name_, n);
  };
  for (plugin::Claim& c : said.claims) {
    std::ranges::for_each(c.nodes, check);
    out.claims.push_back({std::move(c.nodes), std::move(c.fused_name)});
  }
  for (plugin::Refusal& r : said.refusals) {
    check(r.node);
    out.refusals.push_back({r.node, std::move(r.reason)});
  }
  return out;
}

std::vector<std::unique_ptr<const Executable>> Adapter::compile(std::span<const Subgraph> groups,
                                                                const CompileContext& context) {
  std::deque<Views> views;
  std::vector<plugin::Group> given;
  for (const Subgraph& s : groups) given.push_back({views.emplace_back(*s.body).region(0), s.name});
  SessionServices services(context.log);
  auto made = ops::guarded([&] { return provider_->compile(given, services); });
  if (made.size() != groups.size())
    fail(ErrorCode::kEpFail, "{}: {} kernels for {} groups", name_, made.size(), groups.size());
  std::vector<std::unique_ptr<const Executable>> out;
  for (size_t i = 0; i < groups.size(); ++i) {
    std::vector<DType> outputs;
    for (graph::ValueId v : groups[i].body->region().results) outputs.push_back(groups[i].body->type(v).elem);
    out.push_back(executable(library_, groups[i].body, std::move(made[i]), std::move(outputs)));
  }
  return out;
}

std::unique_ptr<const Executable> Adapter::kernel(const graph::Node&, const ops::NodeInfo& info) {
  const auto node = std::make_shared<const ops::PluginNode>(info);
  auto made = ops::guarded([&] { return provider_->kernel(*node); });
  if (!made) fail(ErrorCode::kEpFail, "{}: it made no kernel", name_);
  std::vector<DType> outputs;
  for (const ValueType* t : info.outputs) outputs.push_back(t ? t->elem : DType::kUndefined);
  return executable(library_, node, std::move(made), std::move(outputs));
}

bool Adapter::takes_part() const {
  return ops::guarded([&] { return provider_->takes_part(); });
}

std::shared_ptr<Allocator> Adapter::allocator() {
  if (!memory_) return nullptr;
  struct Owner {  // members go in reverse order
    std::shared_ptr<const void> library;
    std::shared_ptr<Allocator> allocator;
  };
  auto owner = std::make_shared<Owner>(Owner{library_, ops::guarded([&] { return memory_->allocator(); })});
  if (!owner->allocator) fail(ErrorCode::kEpFail, "{}: its memory has no allocator", name_);
  return {owner, owner->allocator.get()};
}

bool Adapter::on_host(const graph::Node& node, bool is_result, size_t i) const {
  return memory_ && ops::guarded([&] { return memory_->on_host(node.domain, node.op, is_result, i); });
}

std::unique_ptr<Stream> Adapter::make_stream() {
  plugin::Streams* streams = provider_->streams();
  if (!streams) return nullptr;
  auto stream = ops::guarded([&] { return streams->make_stream(); });
  if (!stream) fail(ErrorCode::kEpFail, "{}: it made no stream", name_);
  return std::make_unique<ops::PluginStream>(std::move(stream));
}

void Adapter::run_start() {
  if (plugin::RunEvents* events = provider_->run_events()) ops::guarded([&] { events->run_start(); });
}

void Adapter::run_end() {
  if (plugin::RunEvents* events = provider_->run_events()) ops::guarded([&] { events->run_end(); });
}

}  // namespace tenon::ep::library
