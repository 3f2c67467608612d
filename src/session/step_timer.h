// StepTimer: how long each step of a plan takes, on the host, on devices and in simulations.
#pragma once
#include <map>
#include <vector>

#include "exec/observer.h"
#include "partition/partition.h"
#include "partition/stopwatch.h"

namespace tenon::session {

/// Waits for the stream of each step, so that its work is in its time. A step of a provider that simulates takes what
/// the simulation says; so does one of the default provider, when the simulation has a table for it.
class StepTimer final : public exec::Observer {
 public:
  struct Step {
    std::string_view provider;
    std::vector<graph::NodeId> nodes;  ///< of the base graph, that it stands for
    int64_t ns = 0;                    ///< fastest execution
    int64_t total_ns = 0;              ///< of all executions in the last run
    uint64_t run = 0;
  };
  /// `base`: the graph before passes, whose nodes have been tagged (see tag_nodes).
  StepTimer(const graph::Graph& base, const ep::Placed& placed);
  void before(const exec::StepView& v) override;
  void after(const exec::StepView& v) override;

  /// Before each run: starts its total anew.
  void start_run() {
    ++run_;
    total_ns_ = 0;
    open_.clear();  // of a run that failed
  }
  /// Of the steps of the run so far; those that run regions count by what is in them.
  int64_t total_ns() const { return total_ns_; }
  std::vector<const Step*> steps() const;
  /// Bytes per value id, of plans whose values are those of the base graph; -1 where nothing was seen.
  const std::vector<int64_t>& bytes() const { return bytes_; }

 private:
  Step& step(const exec::StepView& v);
  int64_t simulated_default(const Step& s) const;
  void see(const exec::StepView& v, plan::SlotId id);

  const graph::Graph& base_;
  const ep::Placed& placed_;
  const ep::SimulatedClock* clock_ = nullptr;  ///< that knows costs of the default provider
  std::map<std::pair<const plan::Plan*, uint32_t>, Step> steps_;
  std::vector<partition::Stopwatch> open_;
  std::vector<int64_t> bytes_;
  uint64_t run_ = 0;
  int64_t total_ns_ = 0;
};

/// Gives every node of `g` a provenance that names its id, which rewrites and groups carry along.
void tag_nodes(graph::Graph& g);

}  // namespace tenon::session
