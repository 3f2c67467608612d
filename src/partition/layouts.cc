// A value costs a conversion unless its producer and all its readers agree, so the cheapest choice is a minimum cut.
#include "partition/layouts.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "base/error.h"
#include "ep/layout.h"
#include "partition/max_flow.h"

namespace tenon::partition {
namespace layouts {
namespace {

using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

constexpr uint32_t kPreferred = 0, kPlain = 1, kFirst = 2;  // vertices: the two layouts, then nodes

/// Costs 1 unless all have one layout.
void together(MaxFlow& flow, const std::set<uint32_t>& vertices) {
  if (vertices.size() < 2) return;
  const uint32_t in = flow.add_vertex(), out = flow.add_vertex();
  flow.add_edge(in, out, 1);
  for (uint32_t v : vertices) {
    flow.add_edge(v, in, MaxFlow::kInfinite);
    flow.add_edge(out, v, MaxFlow::kInfinite);
  }
}

class Handshake {
 public:
  Handshake(Graph& g, Placement& p, const Wishes& wishes, size_t provider)
      : g_(g),
        p_(p),
        wishes_(wishes),
        k_(provider),
        provider_(*p.providers[provider].provider),
        choice_(*provider_.layout()) {}

  void run() {
    while (true) {
      find_fits();
      const std::vector<NodeId> chosen = choose();
      if (chosen.empty()) return;
      apply(chosen);
      ask_again();
      bool all = true;
      for (NodeId n : chosen) {
        if (g_.node(n).provider == key()) continue;
        left_.insert(n);
        all = false;
      }
      if (all) break;
      undo_layouts(g_, p_, k_);
      ask_again();  // about all nodes: groups of one claim never wait for each other in a circle
    }
    for (NodeId c : p_.layouts[k_].converters)
      if (g_.node(c).provider.empty()) g_.set_provider(c, p_.providers.back().key);
  }

 private:
  const std::string& key() const { return p_.providers[k_].key; }

  /// Claimed, and neither compiled nor restored yet.
  bool is_own(NodeId id) const {
    const graph::Node& n = g_.node(id);
    return n.alive && n.provider == key() && !n.body && !p_.executables.contains(id);
  }

  void find_fits() {
    fits_.clear();
    for (NodeId id = 0; id < g_.node_limit(); ++id) {
      const graph::Node& n = g_.node(id);
      if (!is_own(id) || !n.regions.empty() || left_.contains(id)) continue;
      ep::LayoutFit fit = choice_.fit(g_, id);
      for (size_t i = 0; i < n.inputs.size() && i < 64; ++i)
        if (n.inputs[i] == kNone || g_.is_constant(n.inputs[i]) || ep::is_on_host(provider_, n, false, i))
          fit.operands &= ~(uint64_t{1} << i);
      for (size_t j = 0; j < n.outputs.size() && j < 64; ++j)
        if (n.outputs[j] == kNone || ep::is_on_host(provider_, n, true, j)) fit.results &= ~(uint64_t{1} << j);
      if (fit.use != ep::LayoutFit::kPlain && (fit.operands | fit.results)) fits_[id] = fit;
    }
  }

  static bool bit(uint64_t mask, size_t i) { return i < 64 && (mask >> i & 1) != 0; }
  bool fits_operand(const graph::Use& u) const {
    const auto it = fits_.find(u.node);
    return it != fits_.end() && bit(it->second.operands, u.index);
  }

  std::vector<NodeId> choose() {
    std::map<NodeId, uint32_t> vertex;
    for (const auto& [n, fit] : fits_) vertex.emplace(n, kFirst + static_cast<uint32_t>(vertex.size()));
    MaxFlow flow(kFirst + static_cast<uint32_t>(vertex.size()));
    for (const auto& [n, fit] : fits_)
      if (fit.use == ep::LayoutFit::kWanted) flow.add_edge(kPreferred, vertex[n], MaxFlow::kInfinite);
    std::set<ValueId> seen;
    for (const auto& [n, fit] : fits_) {
      const auto add = [&](ValueId v) {
        if (v == kNone || g_.is_constant(v) || !seen.insert(v).second) return;
        const graph::ValueInfo& info = g_.value(v);
        const auto made = fits_.find(g_.producer(v));
        const bool free = made != fits_.end() && bit(made->second.results, info.index);
        std::set<uint32_t> members = {free ? vertex[made->first] : kPlain};
        for (const graph::Use& u : info.uses) members.insert(fits_operand(u) ? vertex[u.node] : kPlain);
        if (g_.pinned(v)) members.insert(kPlain);
        together(flow, members);
      };
      for (ValueId v : g_.node(n).inputs) add(v);
      for (ValueId v : g_.node(n).outputs) add(v);
    }
    flow.solve();
    std::vector<NodeId> chosen;
    for (const auto& [n, v] : vertex)
      if (flow.on_source_side(v)) chosen.push_back(n);
    return chosen;
  }

  void apply(const std::vector<NodeId>& chosen) {
    LayoutChange& change = p_.layouts[k_];
    std::set<RegionId> regions;
    for (NodeId id : chosen) {
      const graph::Node& n = g_.node(id);
      regions.insert(n.region);
      for (size_t j = 0; j < n.outputs.size(); ++j) {
        if (!bit(fits_[id].results, j)) continue;
        g_.edit_value(n.outputs[j]).type.layout = choice_.preferred();
        change.values.push_back(n.outputs[j]);
      }
    }
    const std::unordered_set<NodeId> in_layout(chosen.begin(), chosen.end());
    for (RegionId r : regions) {
      converted_.clear();
      const std::vector<NodeId> nodes = g_.region(r).nodes;
      for (NodeId n : nodes) {
        for (uint32_t i = 0; i < g_.node(n).inputs.size(); ++i) {
          const ValueId v = g_.node(n).inputs[i];
          if (v == kNone || g_.is_constant(v)) continue;
          const bool preferred = in_layout.contains(n) && bit(fits_[n].operands, i);
          if (changes(v, preferred)) g_.set_input(n, i, converted(v, r, n));
        }
      }
      std::vector<ValueId> results = g_.region(r).results;
      for (ValueId& v : results)
        if (v != kNone && !g_.is_constant(v) && changes(v, false)) v = converted(v, r, kNone);
      g_.set_results(r, std::move(results));
    }
  }

  /// Values of other layouts are another provider's, whose own nodes convert them.
  bool changes(ValueId v, bool preferred) const {
    const Layout have = g_.type(v).layout;
    return preferred ? have == Layout::kPlain : have == choice_.preferred() && fits_.contains(g_.producer(v));
  }

  ValueId converted(ValueId v, RegionId r, NodeId before) {
    if (const auto it = converted_.find(v); it != converted_.end()) return it->second;
    const bool to_plain = g_.type(v).layout != Layout::kPlain;
    graph::Node node;
    node.op = ep::kConvertLayout.name;
    node.domain = ep::kConvertLayout.domain;
    node.def = &ep::kConvertLayout;
    node.since_version = ep::kConvertLayout.since;
    node.inputs = {v};
    node.provider = key();
    node.name = fmt::format("{}_to_{}", g_.value(v).name, to_plain ? "plain" : "nhwc");
    const std::string names[] = {node.name};
    const NodeId id = g_.add_node(r, std::move(node), names, before);
    const ValueId out = g_.node(id).outputs[0];
    ValueType t = g_.type(v);
    t.layout = to_plain ? Layout::kPlain : choice_.preferred();
    g_.set_type(out, std::move(t));
    p_.layouts[k_].converters.push_back(id);
    return converted_[v] = out;
  }

  void ask_again() {
    for (NodeId n = 0; n < g_.node_limit(); ++n) {
      if (!is_own(n)) continue;
      g_.set_provider(n, "");
      p_.claim_of.erase(n);
    }
    for (RegionId r = 0; r < g_.region_limit(); ++r) offer(g_, p_, wishes_, r, k_);
  }

  Graph& g_;
  Placement& p_;
  const Wishes& wishes_;
  size_t k_;
  ep::Provider& provider_;
  ep::LayoutChoice& choice_;
  std::map<NodeId, ep::LayoutFit> fits_;
  std::unordered_set<NodeId> left_;  ///< not claimed in the preferred layout
  std::map<ValueId, ValueId> converted_;
};

}  // namespace
}  // namespace layouts

void choose_layouts(graph::Graph& g, Placement& p, const Wishes& wishes) {
  for (size_t k = 0; k < p.providers.size(); ++k) {
    ep::LayoutChoice* choice = p.providers[k].provider->layout();
    if (choice && choice->preferred() != Layout::kPlain && !p.layouts.contains(k))
      layouts::Handshake(g, p, wishes, k).run();
  }
}

void undo_layouts(graph::Graph& g, Placement& p, size_t provider) {
  const auto change = p.layouts.find(provider);
  if (change == p.layouts.end()) return;
  for (graph::NodeId id : change->second.converters) {
    if (!g.node(id).alive) continue;
    const graph::ValueId from = g.node(id).inputs[0], to = g.node(id).outputs[0];
    const std::vector<graph::Use> uses = g.value(to).uses;
    for (const graph::Use& u : uses) g.set_input(u.node, u.index, from);
    const graph::RegionId r = g.node(id).region;
    std::vector<graph::ValueId> results = g.region(r).results;
    std::ranges::replace(results, to, from);
    g.set_results(r, std::move(results));
    g.erase_node(id);
  }
  for (graph::ValueId v : change->second.values) g.edit_value(v).type.layout = Layout::kPlain;
  p.layouts.erase(change);
}

}  // namespace tenon::partition
