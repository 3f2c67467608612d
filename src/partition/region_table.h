// region_table: the CostTable of one region, from what was measured.
#pragma once
#include "partition/cost_table.h"
#include "partition/decision.h"

namespace tenon::partition {

struct Measurements {
  std::vector<Device> memories;          ///< the host first
  std::vector<CostTable::Route> routes;  ///< between them
  std::vector<int64_t> bytes;            ///< per value
};

struct RegionTable {
  CostTable table;
  std::vector<graph::NodeId> nodes;  ///< per node of the table
};

/// Ways are the costs of `d.nodes` that are >= 0. Bodies of control flow are regions of their own: what they read and
/// what they result in is on the host, so that each can be solved alone.
RegionTable region_table(const graph::Graph& g, graph::RegionId r, const ep::Placed& p, const Decision& d,
                         const Measurements& m);

/// Solves every region: sets Node::provider and Node::copies_ns, Decision::exact, and gives the cost of the whole
/// graph.
int64_t solve_regions(const graph::Graph& g, const ep::Placed& p, const Measurements& m, Decision& d);
/// Cost of the graph when node n runs on provider `where(n)`; < 0 when one of them does not take its node.
int64_t predict(const graph::Graph& g, const ep::Placed& p, const Measurements& m, const Decision& d,
                const std::function<uint32_t(graph::NodeId)>& where);

}  // namespace tenon::partition
