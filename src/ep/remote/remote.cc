// What is marked, and the group that a call of the server stands for.
#include "ep/remote/remote.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "base/error.h"

namespace tenon::ep::remote {
namespace {

using graph::kNone;
using graph::NodeId;
using graph::ValueId;

/// One call of the server. When it fails and a fallback is there, that runs instead; the server is left alone for a
/// moment then, so that runs do not wait for its timeouts one after the other.
class RemoteGroup final : public Executable {
 public:
  RemoteGroup(std::shared_ptr<Server> server, const graph::Graph& body, std::unique_ptr<const Executable> fallback,
              const Logger* log)
      : server_(std::move(server)), fallback_(std::move(fallback)), log_(log) {
    const graph::Region& r = body.region();
    for (ValueId v : r.args) add(body, v, "input", border_.inputs, border_.input_types);
    for (ValueId v : r.results) add(body, v, "output", border_.outputs, border_.output_types);
  }

  void run(ops::KernelContext& c) const override {
    if (fallback_ && Clock::now().time_since_epoch().count() < rest_until_.load(std::memory_order_relaxed))
      return fallback_->run(c);
    try {
      call(c);
    } catch (const Error& e) {
      if (!fallback_ || e.code() != ErrorCode::kEpFail) throw;
      rest_until_ = (Clock::now() + kRest).time_since_epoch().count();
      if (log_ && !warned_.exchange(true))
        log_->log(Severity::kWarning, "{}; fallback_cpu is set: the group runs on the CPU until the server answers",
                  e.what());
      fallback_->run(c);
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kRest{1};

  void add(const graph::Graph& g, ValueId v, const char* what, std::vector<std::string>& names,
           std::vector<DType>& types) {
    const ValueType& t = g.type(v);
    if (!t.is_tensor() || protocol_name(t.elem).empty())
      fail(ErrorCode::kEpFail, "{} {} is a {}, which the protocol does not have", what, g.value(v).name,
           t.is_tensor() ? fmt::format("tensor of {}", dtype_name(t.elem)) : "value that is no tensor");
    names.push_back(g.value(v).name);
    types.push_back(t.elem);
  }

  void call(ops::KernelContext& c) const {
    std::vector<ops::TensorRef> inputs;
    for (size_t i = 0; i < c.num_inputs(); ++i) inputs.push_back(c.input(i));
    Server::Answer answer;
    server_->call(border_, inputs, c.par.cancel, answer);
    for (size_t j = 0; j < c.num_outputs(); ++j) {  // before any is written
      if (!c.has_output(j) || !c.output(j).data) continue;
      const std::span<const int64_t> found = answer.outputs[j].dims, expected = c.output(j).dims();
      if (!std::ranges::equal(found, expected))
        fail(ErrorCode::kEpFail, "{}: output {} is {}, expected {}", server_->where(), border_.outputs[j],
             described(border_.output_types[j], found), described(border_.output_types[j], expected));
    }
    for (size_t j = 0; j < c.num_outputs(); ++j) {
      if (!c.has_output(j)) continue;
      Output& from = answer.outputs[j];
      if (from.value) {
        c.set_output(j, std::move(from.value));
      } else {
        const ops::TensorRef& to = c.output(j, border_.output_types[j], from.dims);
        if (!from.bytes.empty()) std::memcpy(to.data, from.bytes.data(), from.bytes.size());
      }
    }
  }

  std::shared_ptr<Server> server_;
  std::unique_ptr<const Executable> fallback_;
  const Logger* log_;
  Server::Border border_;
  mutable std::atomic<int64_t> rest_until_{0};
  mutable std::atomic<bool> warned_{false};
};

}  // namespace

bool Remote::marked(const graph::Graph& g, NodeId id) const {
  const Options& o = server_->options();
  if (o.all_nodes) return true;
  const graph::Node& n = g.node(id);
  if (o.nodes.contains(n.name) || o.ops.contains(n.domain.empty() ? n.op : n.domain + "." + n.op)) return true;
  // A node that rewrites made of several is marked when all of them were.
  return !n.provenance.empty() &&
         std::ranges::all_of(n.provenance, [&](uint32_t name) { return o.nodes.contains(g.interned(name)); });
}

Capability Remote::capability(const GraphView& view) {
  Capability c;
  Claim all{{}, "Remote"};
  const std::string unmarked = "not among the nodes that the options nodes and ops mark";
  for (NodeId owner = view.graph.region(view.region).owner; owner != kNone;
       owner = view.graph.region(view.graph.node(owner).region).owner)
    if (marked(view.graph, owner)) return c;  // the body goes with its node
  for (NodeId id : view.nodes) {
    if (marked(view.graph, id))
      all.nodes.push_back(id);
    else
      c.refusals.push_back({id, unmarked});
  }
  if (!all.nodes.empty()) c.claims.push_back(std::move(all));
  return c;
}

std::vector<std::unique_ptr<const Executable>> Remote::compile(std::span<const Subgraph> groups,
                                                               const CompileContext& context) {
  const Options& o = server_->options();
  if (groups.size() > 1)
    fail(ErrorCode::kEpFail,
         "the marked nodes form {} separate groups, {} can stand for one; list the provider once per group",
         groups.size(), server_->where());
  std::vector<std::unique_ptr<const Executable>> out;
  for (const Subgraph& s : groups) {
    std::unique_ptr<const Executable> fallback;
    if (o.fallback_cpu && !context.on_default)
      fail(ErrorCode::kEpFail, "fallback_cpu is set, but there is no default provider to fall back on");
    if (o.fallback_cpu) fallback = context.on_default(s);
    out.push_back(std::make_unique<RemoteGroup>(server_, *s.body, std::move(fallback), context.log));
  }
  return out;
}

}  // namespace tenon::ep::remote
