// From the base graph to a program, as build.cc does it, without touching the session.
#include "session/candidate.h"

#include <algorithm>

#include "session/default_group.h"
#include "session/provider_calls.h"

namespace tenon::session {
namespace candidate {
namespace {

/// Every node of a claim that is to be compiled gets a claim of its own.
void split_claims(partition::Placement& p) {
  std::vector<partition::Placement::Claimed> old = std::move(p.claims);
  p.claims.clear();
  for (auto& [node, claim] : p.claim_of) {
    p.claims.push_back(old[claim]);
    claim = p.claims.size() - 1;
  }
}

}  // namespace
}  // namespace candidate

Candidate::Candidate(const CandidateKit& kit, std::function<std::string(graph::NodeId, size_t)> veto, Form form)
    : kit_(kit) {
  std::unique_ptr<graph::Graph> g = kit.base.clone();
  placement_.providers = kit.instances;
  partition::Wishes wishes = kit.wishes;
  wishes.veto = std::move(veto);
  if (form == Form::kSingle) wishes.cpu_fallback = true;
  partition::assign(*g, placement_, wishes);
  for (graph::NodeId n = 0; n < kit.base.node_limit(); ++n) {
    if (!kit.base.node(n).alive) continue;
    uint32_t k = static_cast<uint32_t>(kit.instances.size() - 1);  // a call that was inlined
    if (g->node(n).alive)
      k = static_cast<uint32_t>(std::ranges::find(kit.instances, g->node(n).provider, &ep::Instance::key) -
                                kit.instances.begin());
    assigned_[n] = k;
    if (placement_.claim_of.contains(n)) compiled_.insert(n);
  }
  if (form == Form::kSingle) {
    candidate::split_claims(placement_);
  } else {
    passes::PassManager manager(*g, kit.passes, kit.evaluate);
    if (placement_.inlined_calls && kit.passes.level >= passes::Level::kBasic)
      manager.run(passes::Level::kNone, passes::Level::kBasic);
    if (kit.passes.level > passes::Level::kBasic) manager.run(passes::Level::kBasic, kit.passes.level);
    partition::assign(*g, placement_, wishes);
  }
  const auto on_default = [&kit](const ep::Subgraph& group) {
    return default_group(group, kit.store, kit.allocator, active_isa());
  };
  partition::lower(*g, placement_, wishes, {kit.store, active_isa(), kit.passes.log, on_default});
  graph_ = std::move(g);
  plan_ = plan::make_plan(
      graph_,
      {.reuse = kit.reuse, .store = kit.store, .isa = active_isa(), .placed = &placement_, .weight_handles = 0});
  program_ = std::make_unique<exec::Program>(*plan_, kit.pattern);
  frame_ = std::make_unique<exec::Frame>(*program_, kit.allocator);
  timer_ = std::make_unique<StepTimer>(kit.base, placement_);
}

int64_t Candidate::run(std::span<const Value> feeds, bool steps) {
  steps = steps || kit_.simulated;
  for (size_t i = 0; i < feeds.size(); ++i) frame_->bind(i, feeds[i]);
  exec::RunContext context{.par = {kit_.pool, nullptr}};
  if (steps) {
    timer_->start_run();
    context.observer = timer_.get();
  }
  const partition::Stopwatch watch;
  {
    ProviderCalls calls(kit_.providers, *kit_.passes.log);
    frame_->run(context);
    calls.finish();
  }
  const int64_t ns = watch.ns();
  frame_->reset();
  return kit_.simulated ? timer_->total_ns() : ns;
}

}  // namespace tenon::session
