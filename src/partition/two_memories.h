// two_memories: the cheapest assignment between the host and one device, exactly, as a cut.
#pragma once
#include <optional>

#include "partition/cost_table.h"

namespace tenon::partition {

/// The cheapest choice of ways; empty when the table has more memories, or a node has ways on the device that differ in
/// which operands they read on the host (then it is no cut between two sides).
std::optional<std::vector<uint32_t>> cheapest_over_two_memories(const CostTable& t);

}  // namespace tenon::partition
