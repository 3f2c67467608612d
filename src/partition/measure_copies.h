// measure_copies: how long it takes to move bytes between the memories of a session's providers.
#pragma once
#include <string>
#include <vector>

#include "ep/placed.h"
#include "partition/cost_table.h"

namespace tenon::partition {

/// The memories of these providers, the host first.
std::vector<Device> memories_of(const ep::Placed& p);

struct MeasuredRoutes {
  std::vector<CostTable::Route> routes;  ///< [from * memories + to]
  std::vector<std::string> notes;        ///< routes that could not be measured, and why
};
/// Times copies of a few sizes (64 B to 2 MB) between every two memories that have a direct way and fits latency +
/// bytes / bandwidth to the fastest ones. A way that fails is given 10 us and 10 GB/s, and a note.
MeasuredRoutes measure_copies(const ep::Placed& p, const std::vector<Device>& memories);

}  // namespace tenon::partition
