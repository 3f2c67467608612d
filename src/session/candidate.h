// Candidate: a model placed in one way, ready to be timed.
#pragma once
#include <map>
#include <memory>

#include "exec/frame.h"
#include "passes/pass.h"
#include "session/step_timer.h"

namespace tenon::session {

/// What all candidates of a session share. Nothing of it is changed by them but the providers' own state.
struct CandidateKit {
  const graph::Graph& base;  ///< after level 1, without providers; tagged
  const std::vector<std::unique_ptr<ep::Provider>>& providers;
  std::vector<ep::Instance> instances;  ///< those that take part, in order
  partition::Wishes wishes;             ///< the user's
  passes::PassOptions passes;
  passes::Evaluate evaluate;
  PackStore* store = nullptr;  ///< of the process: what the session packs again later is there
  std::shared_ptr<Allocator> allocator;
  ThreadPool* pool = nullptr;
  bool pattern = true, reuse = true;
  bool simulated = false;  ///< a provider simulates: times are those of steps
};

class Candidate {
 public:
  enum class Form {
    kFinal,   ///< as the session would run it
    kSingle,  ///< no passes, and every node by itself: what nodes take alone
  };
  /// Places and plans; throws what providers, passes and planner throw.
  Candidate(const CandidateKit& kit, std::function<std::string(graph::NodeId, size_t)> veto, Form form);

  /// One run in ns, as a session would do it; throws what it throws. With `steps`, timed step by step.
  int64_t run(std::span<const Value> feeds, bool steps);

  /// Provider (index) of each node of the base graph after placement, before passes; compiled ones are in `compiled`.
  const std::map<graph::NodeId, uint32_t>& assigned() const { return assigned_; }
  const std::set<graph::NodeId>& compiled() const { return compiled_; }
  const StepTimer& timer() const { return *timer_; }
  const partition::Placement& placement() const { return placement_; }

 private:
  const CandidateKit& kit_;
  partition::Placement placement_;
  std::map<graph::NodeId, uint32_t> assigned_;
  std::set<graph::NodeId> compiled_;
  std::shared_ptr<const graph::Graph> graph_;
  std::unique_ptr<plan::Plan> plan_;
  std::unique_ptr<exec::Program> program_;
  std::unique_ptr<exec::Frame> frame_;
  std::unique_ptr<StepTimer> timer_;
};

}  // namespace tenon::session
