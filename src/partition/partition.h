// place: gives every node to a provider, in priority order.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ep/provider.h"
#include "graph/graph.h"

namespace tenon::partition {

/// Who refused a node, and why.
struct Refused {
  graph::NodeId node;
  std::string provider, reason;
};
struct Placement {
  std::vector<std::pair<std::string, size_t>> nodes;  ///< provider → how many nodes it runs
  std::vector<Refused> refused;
  size_t inlined_calls = 0;
};

/// Asks the providers in order for the free nodes of every region; calls of model functions that nobody claims are
/// inlined and everybody is asked again. Throws kNotImplemented naming node, op and each provider's reason when a node
/// stays without a provider.
Placement place(graph::Graph& g, std::span<ep::Provider* const> providers);

}  // namespace tenon::partition
