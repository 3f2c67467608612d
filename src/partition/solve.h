// solve: the cheapest way to place the nodes of a region.
#pragma once
#include "partition/cost_table.h"

namespace tenon::partition {

struct Solution {
  std::vector<uint32_t> choice;  ///< per node: index of its way
  int64_t ns = 0;
  bool exact = true;  ///< no assignment is cheaper
};

/// Over the host and one device: a minimum cut, exact for every size. Over more memories: cheapest_by_frontier, exact
/// until the states do not fit (`max_states` at once; 0: as many as keep time and memory small); then the answer is
/// improved by moving nodes, and connected nodes together, as long as that makes it cheaper.
Solution solve(const CostTable& t, size_t max_states = 0);

/// The last part of solve, on any assignment: local search. Never makes it dearer.
void improve(const CostTable& t, std::vector<uint32_t>& choice);

}  // namespace tenon::partition
