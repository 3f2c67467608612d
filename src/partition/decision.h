// Decision: what measured placement found, and what it chose.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "partition/partition.h"

namespace tenon::partition {

/// Kept by the cache, told by the load report. Providers are indices in `providers`, the session's keys in order.
struct Decision {
  struct Cost {
    int64_t ns = -1;         ///< < 0: the provider does not take the node
    bool estimated = false;  ///< it could not be measured
    bool compiled = false;   ///< it would go into a compiled group
  };
  struct Node {
    std::string name, op;
    uint32_t provider = 0;  ///< in the cut
    std::vector<Cost> costs;
    int64_t copies_ns = 0;  ///< of its operands and results, in the cut
  };
  /// A way to place the whole model, timed from end to end.
  struct Candidate {
    enum Kind : uint8_t { kPriority, kOnly, kCut } kind = kPriority;
    uint32_t provider = 0;      ///< kOnly: it and the default provider
    int64_t ns = -1;            ///< < 0: it did not run
    int64_t predicted_ns = -1;  ///< by the costs of nodes and copies
    std::string note;           ///< why it did not run
  };
  struct Link {
    uint32_t from = 0, to = 0;  ///< providers whose memory; the default one is the host
    int64_t latency_ns = 0;
    double ns_per_byte = 0;
    bool direct = true;
  };
  std::vector<std::string> providers;
  std::map<graph::NodeId, Node> nodes;  ///< of the graph that was placed, by id; empty when nothing could be measured
  std::vector<Candidate> candidates;
  size_t chosen = 0;
  std::vector<Link> links;
  std::vector<std::string> notes;
  bool exact = true;   ///< the cut is the cheapest one by these costs
  std::string source;  ///< "measured", "cache of the process", "cache file PATH"

  const Candidate& winner() const { return candidates[chosen]; }
  std::string name_of(const Candidate& c) const;
};

/// Makes `assign` follow a candidate of the decision: a Wishes::veto.
std::function<std::string(graph::NodeId, size_t)> veto_of(std::shared_ptr<const Decision> d, size_t candidate);

/// "measured: 0.8 ms here, 2.1 ms on X, copies 0.3 ms"; "" for a node that the decision does not know.
std::string reason_of(const Decision& d, graph::NodeId n, size_t provider);

/// "0.8 ms", "12.0 us".
std::string time_text(int64_t ns);

std::string to_json(const Decision& d);
/// Empty when the text is no decision for a graph with these nodes and providers (torn, foreign, out of date).
std::shared_ptr<Decision> from_json(std::string_view text, const graph::Graph& g, const ep::Placed& p);

}  // namespace tenon::partition
