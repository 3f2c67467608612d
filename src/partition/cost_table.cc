// The price of an assignment.
#include "partition/cost_table.h"

#include <cmath>

namespace tenon::partition {

int64_t CostTable::copy_ns(int64_t bytes, uint32_t from, uint32_t to) const {
  const Route& r = route(from, to);
  return r.latency_ns + std::llround(static_cast<double>(bytes) * r.ns_per_byte);
}

int64_t CostTable::spread_ns(int64_t bytes, uint32_t from, uint32_t to) const {
  int64_t ns = 0;
  uint32_t have = 1u << from;
  for (uint32_t m = 0; m < memories; ++m) {
    if (!(to >> m & 1) || (have >> m & 1)) continue;
    if (route(from, m).direct) {
      ns += copy_ns(bytes, from, m);
    } else {
      if (!(have & 1u << kHost)) ns += copy_ns(bytes, from, kHost);
      ns += copy_ns(bytes, kHost, m);
      have |= 1u << kHost;
    }
    have |= 1u << m;
  }
  return ns;
}

int64_t CostTable::total_ns(std::span<const uint32_t> choice) const {
  int64_t ns = 0;
  std::vector<uint32_t> wanted(data.size(), 0);
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Way& w = nodes[i].ways[choice[i]];
    ns += w.ns;
    for (size_t k = 0; k < nodes[i].inputs.size(); ++k) wanted[nodes[i].inputs[k]] |= 1u << w.reads[k];
  }
  for (uint32_t d = 0; d < data.size(); ++d) {
    if (data[d].leaves) wanted[d] |= 1u << kHost;
    ns += spread_ns(data[d].bytes, origin(d, choice), wanted[d]);
  }
  return ns;
}

std::vector<std::vector<std::pair<uint32_t, uint32_t>>> CostTable::readers() const {
  std::vector<std::vector<std::pair<uint32_t, uint32_t>>> out(data.size());
  for (uint32_t i = 0; i < nodes.size(); ++i)
    for (uint32_t k = 0; k < nodes[i].inputs.size(); ++k) out[nodes[i].inputs[k]].emplace_back(i, k);
  return out;
}

}  // namespace tenon::partition
