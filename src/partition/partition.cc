// Priority placement: each provider takes what is left of each region.
#include "partition/partition.h"

#include <map>

#include "base/error.h"
#include "partition/inline_functions.h"

namespace tenon::partition {
namespace {

// Nodes of a region that nobody has.
std::vector<graph::NodeId> free_nodes(const graph::Graph& g, graph::RegionId r) {
  std::vector<graph::NodeId> out;
  for (graph::NodeId n : g.region(r).nodes)
    if (g.node(n).provider.empty()) out.push_back(n);
  return out;
}

bool region_lives(const graph::Graph& g, graph::RegionId r) {
  const graph::NodeId owner = g.region(r).owner;
  return owner == graph::kNone || g.node(owner).alive;
}

[[noreturn]] void fail_unplaced(const graph::Graph& g, graph::NodeId id, const Placement& p) {
  const graph::Node& n = g.node(id);
  std::string why;
  for (const Refused& r : p.refused)
    if (r.node == id) why += fmt::format("; {}: {}", r.provider, r.reason);
  fail(ErrorCode::kNotImplemented, "Could not find an implementation for {}{}{}({}) node with name '{}'{}", n.domain,
       n.domain.empty() ? "" : ".", n.op, n.since_version, n.name, why);
}

}  // namespace

Placement place(graph::Graph& g, std::span<ep::Provider* const> providers) {
  Placement p;
  while (true) {
    p.refused.clear();
    for (graph::RegionId r = 0; r < g.region_limit(); ++r) {
      if (!region_lives(g, r)) continue;
      for (ep::Provider* provider : providers) {
        const auto nodes = free_nodes(g, r);
        if (nodes.empty()) break;
        ep::Capability c = provider->capability({g, r, nodes});
        for (const ep::Claim& claim : c.claims)
          for (graph::NodeId n : claim.nodes) g.set_provider(n, std::string(provider->name()));
        for (ep::Refusal& f : c.refusals)
          p.refused.push_back({f.node, std::string(provider->name()), std::move(f.reason)});
      }
    }
    const size_t inlined = inline_functions(g);
    p.inlined_calls += inlined;
    if (inlined == 0) break;
  }
  std::map<std::string, size_t> count;
  for (graph::RegionId r = 0; r < g.region_limit(); ++r) {
    if (!region_lives(g, r)) continue;
    for (graph::NodeId n : g.region(r).nodes) {
      if (g.node(n).provider.empty()) fail_unplaced(g, n, p);
      ++count[g.node(n).provider];
    }
  }
  p.nodes.assign(count.begin(), count.end());
  return p;
}

}  // namespace tenon::partition
