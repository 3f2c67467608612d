// Steps by plan and index; nodes by their tags.
#include "session/step_timer.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace tenon::session {
namespace step_timer {
namespace {

constexpr std::string_view kTag = "\x01node ";

std::vector<graph::NodeId> tagged(const graph::Graph& g, const graph::Node& n) {
  std::vector<graph::NodeId> out;
  for (uint32_t id : n.provenance) {
    const std::string& name = g.interned(id);
    graph::NodeId node = 0;
    if (!name.starts_with(kTag)) continue;
    std::from_chars(name.data() + kTag.size(), name.data() + name.size(), node);
    if (std::ranges::find(out, node) == out.end()) out.push_back(node);
  }
  return out;
}

}  // namespace
}  // namespace step_timer

void tag_nodes(graph::Graph& g) {
  for (graph::NodeId n = 0; n < g.node_limit(); ++n)
    if (g.node(n).alive) g.edit(n).provenance = {g.intern(fmt::format("{}{}", step_timer::kTag, n))};
}

StepTimer::StepTimer(const graph::Graph& base, const ep::Placed& placed)
    : base_(base), placed_(placed), bytes_(base.value_limit(), -1) {
  for (const ep::Instance& i : placed.providers) {
    const ep::SimulatedClock* c = i.provider->simulated_clock();
    if (c && !clock_ && c->default_ns("") >= 0) clock_ = c;
  }
}

StepTimer::Step& StepTimer::step(const exec::StepView& v) {
  const auto [it, fresh] = steps_.try_emplace({&v.plan, v.step});
  if (fresh) {
    const graph::Node& n = v.plan.graph->node(v.plan.steps[v.step].node);
    it->second.provider = n.provider;
    it->second.nodes = step_timer::tagged(*v.plan.graph, n);
    it->second.ns = INT64_MAX;
  }
  return it->second;
}

void StepTimer::before(const exec::StepView& v) { open_.emplace_back(placed_.find(step(v).provider)); }

void StepTimer::after(const exec::StepView& v) {
  if (v.stream) v.stream->synchronize();
  Step& s = step(v);
  const plan::Step& p = v.plan.steps[v.step];
  int64_t ns = open_.back().ns();
  open_.pop_back();
  const bool leaf = p.region_count == 0;
  if (clock_ && s.provider == placed_.providers.back().key) ns = leaf ? simulated_default(s) : 0;
  s.ns = std::min(s.ns, ns);
  if (s.run != run_) s.total_ns = 0;
  s.run = run_;
  s.total_ns += ns;
  if (leaf) total_ns_ += ns;
  for (plan::SlotId id : v.plan.inputs(p)) see(v, id);
  for (plan::SlotId id : v.plan.outputs(p)) see(v, id);
}

int64_t StepTimer::simulated_default(const Step& s) const {
  int64_t ns = 0;
  for (graph::NodeId n : s.nodes) ns += clock_->default_ns(base_.node(n).op);
  return ns;
}

void StepTimer::see(const exec::StepView& v, plan::SlotId id) {
  if (id == plan::kNoSlot || v.plan.slots[id].is_handle || !v.slots[id].dim) return;
  const graph::ValueId value = v.plan.slots[id].value;
  if (value < bytes_.size()) bytes_[value] = static_cast<int64_t>(v.slots[id].bytes());
}

std::vector<const StepTimer::Step*> StepTimer::steps() const {
  std::vector<const Step*> out;
  for (const auto& [key, s] : steps_)
    if (s.ns != INT64_MAX) out.push_back(&s);
  return out;
}

}  // namespace tenon::session
