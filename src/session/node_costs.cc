// Steps shared out to nodes; gaps filled.
#include "session/node_costs.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tenon::session {
namespace node_costs {
namespace {

bool default_can(const graph::Node& n) { return !n.def || n.def->lowering != graph::Lowering::kKernel || n.def->make; }

}  // namespace
}  // namespace node_costs

using graph::NodeId;
using partition::Decision;

void NodeCosts::find_takers(const std::vector<const Candidate*>& orders) {
  for (NodeId n = 0; n < kit_.base.node_limit(); ++n) {
    const graph::Node& node = kit_.base.node(n);
    if (!node.alive) continue;
    Decision::Node& x = d_.nodes[n];
    x = {node.name, node.op, last(), {}, 0};
    x.costs.resize(kit_.instances.size());
    bool others = false;
    for (uint32_t k = 0; k < last(); ++k) {
      const Candidate* c = orders[k];
      if (!c || c->assigned().at(n) != k || c->placement().barred.contains({n, k})) continue;
      x.costs[k] = {0, true, c->compiled().contains(n)};
      others = true;
    }
    const auto pin = kit_.wishes.pinned.find(node.name);
    const bool elsewhere = pin != kit_.wishes.pinned.end() && pin->second != kit_.instances[last()].key;
    const bool runs = node.def || orders[last()];
    if (!others || (runs && kit_.wishes.cpu_fallback && !elsewhere && node_costs::default_can(node)))
      x.costs[last()] = {0, true, false};
  }
}

bool NodeCosts::shares_steps(uint32_t k, const Candidate* order) const {
  if (!order) return false;
  const auto steps = order->timer().steps();
  return !std::ranges::any_of(steps, [](const auto* s) { return !s->nodes.empty(); }) ||
         std::ranges::any_of(steps,
                             [&](const auto* s) { return s->provider == d_.providers[k] && s->nodes.size() > 1; });
}

std::map<NodeId, int64_t> NodeCosts::times_alone(uint32_t k, const Candidate* c) const {
  std::map<NodeId, int64_t> out;
  if (!c) return out;
  for (const StepTimer::Step* s : c->timer().steps())
    if (s->provider == d_.providers[k])
      for (NodeId n : s->nodes) out[n] += s->ns;  // a call that was inlined has several steps
  return out;
}

void NodeCosts::take_times(uint32_t k, const Candidate* order, const Candidate* single, bool whole) {
  const std::map<NodeId, int64_t> alone = times_alone(k, single);
  const auto weight = [&](NodeId n) {
    const auto it = alone.find(n);
    return std::max(static_cast<double>(it == alone.end() ? bytes_moved(n) : it->second), 1e-3);  // never none
  };
  std::map<NodeId, double> ns;
  if (order) {
    for (const StepTimer::Step* s : order->timer().steps()) {
      if (s->provider != d_.providers[k]) continue;
      double sum = 0;
      for (NodeId n : s->nodes) sum += weight(n);
      for (NodeId n : s->nodes) ns[n] += static_cast<double>(s->ns) * weight(n) / sum;
    }
  }
  for (const auto& [n, t] : alone) ns.try_emplace(n, static_cast<double>(t));
  for (auto& [n, x] : d_.nodes) {
    Decision::Cost& c = x.costs[k];
    if (c.ns < 0) continue;
    if (const auto it = ns.find(n); it != ns.end())
      c = {std::llround(it->second), false, c.compiled};
    else if (whole && kit_.base.node(n).regions.empty() && kit_.base.node(n).region == 0)
      c = {0, false, c.compiled};  // rewritten away
    else if (!kit_.base.node(n).regions.empty())
      c = {0, false, c.compiled};  // what is inside counts
  }
}

int64_t NodeCosts::bytes_moved(NodeId n) const {
  int64_t bytes = 0;
  for (const auto* list : {&kit_.base.node(n).inputs, &kit_.base.node(n).outputs})
    for (graph::ValueId v : *list)
      if (v != graph::kNone) bytes += std::max<int64_t>(bytes_[v], 0);
  return bytes;
}

void NodeCosts::estimate_the_rest() {
  for (uint32_t k = 0; k <= last(); ++k) {
    double ns = 0, bytes = 0;
    size_t missing = 0;
    for (const auto& [n, x] : d_.nodes) {
      if (x.costs[k].ns < 0) continue;
      missing += x.costs[k].estimated;
      if (x.costs[k].estimated) continue;
      ns += static_cast<double>(x.costs[k].ns);
      bytes += static_cast<double>(bytes_moved(n));
    }
    const double per_byte = bytes > 0 ? ns / bytes : 0.1;
    for (auto& [n, x] : d_.nodes)
      if (Decision::Cost& c = x.costs[k]; c.ns >= 0 && c.estimated)
        c.ns = 1000 + std::llround(per_byte * static_cast<double>(bytes_moved(n)));
    if (missing)
      d_.notes.push_back(fmt::format("{}: {} node{} could not be timed and {} estimated", d_.providers[k], missing,
                                     missing == 1 ? "" : "s", missing == 1 ? "is" : "are"));
  }
}

}  // namespace tenon::session
