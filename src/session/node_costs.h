// NodeCosts: what each node costs on each provider, from candidates that were timed step by step.
#pragma once
#include <map>
#include <vector>

#include "partition/decision.h"
#include "session/candidate.h"

namespace tenon::session {

/// Fills Decision::nodes.
class NodeCosts {
 public:
  /// `bytes`: per value of the base graph.
  NodeCosts(const CandidateKit& kit, const std::vector<int64_t>& bytes, partition::Decision& d)
      : kit_(kit), bytes_(bytes), d_(d) {}

  /// Who may have which node: whoever got it when asked first. orders[k]: where provider k came first; may be null.
  void find_takers(const std::vector<const Candidate*>& orders);
  /// Whether steps of provider k stand for several nodes, or none was timed: then nodes have to be timed alone.
  bool shares_steps(uint32_t k, const Candidate* order) const;
  /// A step that stands for several nodes is shared out as these take alone (`single`, may be null), or by the bytes
  /// that they move. `whole`: the order ran to its end, so that a node without a step costs nothing.
  void take_times(uint32_t k, const Candidate* order, const Candidate* single, bool whole);
  /// 1 us and the bytes that a node moves, as fast as the provider has moved them elsewhere, else at 10 GB/s.
  void estimate_the_rest();

 private:
  uint32_t last() const { return static_cast<uint32_t>(kit_.instances.size() - 1); }
  int64_t bytes_moved(graph::NodeId n) const;
  std::map<graph::NodeId, int64_t> times_alone(uint32_t k, const Candidate* c) const;

  const CandidateKit& kit_;
  const std::vector<int64_t>& bytes_;
  partition::Decision& d_;
};

}  // namespace tenon::session
