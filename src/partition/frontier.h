// frontier: the cheapest assignment over any number of memories, node by node.
#pragma once
#include "partition/cost_table.h"

namespace tenon::partition {

struct FrontierResult {
  std::vector<uint32_t> choice;
  bool exact = true;  ///< false: more states than `max_states` at once, and the dearest were dropped
};

/// Walks the nodes in an order that keeps few values alive. A state says, for every value that is alive, where it was
/// made and which memories have it; of all ways to a state only the cheapest lives on. Exact while the states fit:
/// always on chains, and wherever few values are alive at once. Dropped states cost exactness, never legality.
FrontierResult cheapest_by_frontier(const CostTable& t, size_t max_states);

}  // namespace tenon::partition
