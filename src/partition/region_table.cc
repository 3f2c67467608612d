// Nodes, values and memories of a region as numbers.
#include "partition/region_table.h"

#include <algorithm>
#include <unordered_map>

#include "partition/solve.h"

namespace tenon::partition {
namespace region_table_impl {
namespace {

using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

class Maker {
 public:
  Maker(const Graph& g, const ep::Placed& p, const Decision& d, const Measurements& m) : g_(g), p_(p), d_(d), m_(m) {}

  RegionTable make(RegionId r) {
    CostTable& t = out_.table;
    t.memories = static_cast<uint32_t>(m_.memories.size());
    t.routes = m_.routes;
    for (ValueId v : g_.region(r).args) datum(v, CostTable::kArgument, 0);
    for (NodeId id : g_.region(r).nodes) {
      const auto known = d_.nodes.find(id);
      if (known == d_.nodes.end()) continue;
      const auto i = static_cast<uint32_t>(t.nodes.size());
      CostTable::Node n;
      for (ValueId v : g_.node(id).inputs)
        if (moves(v)) n.inputs.push_back(datum(v, CostTable::kArgument, 0));
      uint32_t j = 0;
      for (ValueId v : g_.node(id).outputs)
        if (moves(v)) n.outputs.push_back(datum(v, i, j++));
      for (uint32_t k = 0; k < known->second.costs.size(); ++k)
        if (known->second.costs[k].ns >= 0) n.ways.push_back(way(id, k, known->second.costs[k]));
      t.nodes.push_back(std::move(n));
      out_.nodes.push_back(id);
    }
    for (ValueId v : g_.region(r).results)
      if (moves(v)) t.data[datum(v, CostTable::kArgument, 0)].leaves = true;
    return std::move(out_);
  }

 private:
  bool moves(ValueId v) const { return v != kNone && !g_.is_constant(v); }

  uint32_t datum(ValueId v, uint32_t producer, uint32_t output) {
    const auto [it, fresh] = index_.try_emplace(v, static_cast<uint32_t>(out_.table.data.size()));
    if (fresh) out_.table.data.push_back({producer, output, v < m_.bytes.size() ? m_.bytes[v] : 0, false});
    return it->second;
  }

  CostTable::Way way(NodeId id, uint32_t k, const Decision::Cost& cost) const {
    const graph::Node& n = g_.node(id);
    const ep::Provider& provider = *p_.providers[k].provider;
    const auto own = static_cast<uint8_t>(std::ranges::find(m_.memories, provider.device()) - m_.memories.begin());
    const auto memory = [&](bool result, size_t i) -> uint8_t {
      if (!n.regions.empty() || (!cost.compiled && provider.on_host(n, result, i))) return CostTable::kHost;
      return own;
    };
    CostTable::Way w{k, cost.ns, {}, {}};
    for (size_t i = 0; i < n.inputs.size(); ++i)
      if (moves(n.inputs[i])) w.reads.push_back(memory(false, i));
    for (size_t j = 0; j < n.outputs.size(); ++j)
      if (moves(n.outputs[j])) w.writes.push_back(memory(true, j));
    return w;
  }

  const Graph& g_;
  const ep::Placed& p_;
  const Decision& d_;
  const Measurements& m_;
  RegionTable out_;
  std::unordered_map<ValueId, uint32_t> index_;
};

/// What moves to and from each node.
void note_copies(const RegionTable& r, const std::vector<uint32_t>& choice, Decision& d) {
  const CostTable& t = r.table;
  const auto readers = t.readers();
  for (uint32_t i = 0; i < t.nodes.size(); ++i) {
    const CostTable::Node& n = t.nodes[i];
    const CostTable::Way& w = n.ways[choice[i]];
    int64_t ns = 0;
    for (size_t k = 0; k < n.inputs.size(); ++k)
      if (std::ranges::find(n.inputs, n.inputs[k]) == n.inputs.begin() + static_cast<std::ptrdiff_t>(k))
        ns += t.spread_ns(t.data[n.inputs[k]].bytes, t.origin(n.inputs[k], choice), 1u << w.reads[k]);
    for (size_t j = 0; j < n.outputs.size(); ++j) {
      uint32_t wanted = t.data[n.outputs[j]].leaves ? 1u << CostTable::kHost : 0;
      for (const auto& [node, operand] : readers[n.outputs[j]])
        wanted |= 1u << t.nodes[node].ways[choice[node]].reads[operand];
      ns += t.spread_ns(t.data[n.outputs[j]].bytes, w.writes[j], wanted);
    }
    d.nodes[r.nodes[i]].copies_ns = ns;
  }
}

template <class Each>
void each_region(const Graph& g, Each each) {
  for (RegionId r = 0; r < g.region_limit(); ++r) {
    const NodeId owner = g.region(r).owner;
    if (owner == kNone || g.node(owner).alive) each(r);
  }
}

}  // namespace
}  // namespace region_table_impl

RegionTable region_table(const graph::Graph& g, graph::RegionId r, const ep::Placed& p, const Decision& d,
                         const Measurements& m) {
  return region_table_impl::Maker(g, p, d, m).make(r);
}

int64_t solve_regions(const graph::Graph& g, const ep::Placed& p, const Measurements& m, Decision& d) {
  int64_t ns = 0;
  d.exact = true;
  region_table_impl::each_region(g, [&](graph::RegionId r) {
    const RegionTable t = region_table(g, r, p, d, m);
    const Solution s = solve(t.table);
    for (size_t i = 0; i < t.nodes.size(); ++i)
      d.nodes[t.nodes[i]].provider = t.table.nodes[i].ways[s.choice[i]].provider;
    region_table_impl::note_copies(t, s.choice, d);
    ns += s.ns;
    d.exact = d.exact && s.exact;
  });
  return ns;
}

int64_t predict(const graph::Graph& g, const ep::Placed& p, const Measurements& m, const Decision& d,
                const std::function<uint32_t(graph::NodeId)>& where) {
  int64_t ns = 0;
  region_table_impl::each_region(g, [&](graph::RegionId r) {
    const RegionTable t = region_table(g, r, p, d, m);
    std::vector<uint32_t> choice;
    for (size_t i = 0; i < t.nodes.size(); ++i) {
      const auto& ways = t.table.nodes[i].ways;
      const auto it = std::ranges::find(ways, where(t.nodes[i]), &CostTable::Way::provider);
      if (it == ways.end()) {
        ns = -1;
        return;
      }
      choice.push_back(static_cast<uint32_t>(it - ways.begin()));
    }
    if (ns >= 0) ns += t.table.total_ns(choice);
  });
  return ns;
}

}  // namespace tenon::partition
