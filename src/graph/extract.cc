// Copies nodes and what they need into a graph of their own.
#include "graph/extract.h"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace tenon::graph {
namespace {

class Extraction {
 public:
  explicit Extraction(const Graph& from) : from_(from), to_(std::make_unique<Graph>()) {
    to_->info = from.info;
    to_->name = from.name;
    to_->functions = from.functions;
  }

  std::unique_ptr<Graph> run(std::span<const NodeId> nodes, const Border& border) {
    for (ValueId v : border.inputs) map_[v] = to_->add_input(from_.value(v).name, type(from_.type(v)));
    for (NodeId n : nodes) node(n, 0);
    std::vector<ValueId> results;
    std::vector<std::string> names;
    for (ValueId v : border.outputs) {
      results.push_back(value(v));
      names.push_back(from_.value(v).name);
    }
    to_->set_results(0, std::move(results));
    to_->edit_region(0).result_names = std::move(names);
    return std::move(to_);
  }

 private:
  ValueType type(const ValueType& t) {
    ValueType out = t;
    for (int64_t& d : out.dims) d = dim(d);
    if (t.inner) out.inner = std::make_shared<const ValueType>(type(*t.inner));
    return out;
  }

  int64_t dim(int64_t d) {
    if (!is_symbol(d)) return d;
    auto [it, made] = dims_.try_emplace(d, 0);
    if (made) it->second = to_->symbols().fresh(from_.symbols().to_string(d));
    return it->second;
  }

  ValueId value(ValueId v) {
    if (v == kNone) return kNone;
    const auto it = map_.find(v);
    if (it != map_.end()) return it->second;
    return map_[v] = to_->add_constant(from_.value(v).name, from_.constant(v));
  }

  void node(NodeId id, RegionId into) {
    const Node& n = from_.node(id);
    Node proto = n;
    proto.provider.clear();
    proto.provenance.clear();
    proto.regions.clear();
    proto.region_names.clear();
    for (ValueId& v : proto.inputs) v = value(v);
    std::vector<std::string> names;
    for (ValueId v : n.outputs) names.push_back(v == kNone ? std::string() : from_.value(v).name);
    const NodeId copy = to_->add_node(into, std::move(proto), names);
    for (size_t j = 0; j < n.outputs.size(); ++j)
      if (n.outputs[j] != kNone) define(n.outputs[j], to_->node(copy).outputs[j]);
    for (size_t k = 0; k < n.regions.size(); ++k) region(n.regions[k], copy, n.region_names[k]);
  }

  void define(ValueId from, ValueId to) {
    to_->set_type(to, type(from_.type(from)));
    map_[from] = to;
  }

  void region(RegionId from, NodeId owner, const std::string& name) {
    const RegionId r = to_->add_region(owner, name);
    const Region& old = from_.region(from);
    const size_t formal = old.args.size() - to_->node(owner).captures;
    for (size_t i = 0; i < old.args.size(); ++i) {
      if (i < formal) to_->add_argument(r, from_.value(old.args[i]).name, type(from_.type(old.args[i])));
      define(old.args[i], to_->region(r).args[i]);
    }
    for (NodeId n : old.nodes) node(n, r);
    std::vector<ValueId> results;
    for (ValueId v : old.results) results.push_back(value(v));
    to_->set_results(r, std::move(results));
    to_->edit_region(r).result_names = old.result_names;
    to_->edit_region(r).name = old.name;
  }

  const Graph& from_;
  std::unique_ptr<Graph> to_;
  std::unordered_map<ValueId, ValueId> map_;
  std::unordered_map<int64_t, int64_t> dims_;
};

}  // namespace

Border border(const Graph& g, std::span<const NodeId> nodes) {
  const std::set<NodeId> inside(nodes.begin(), nodes.end());
  std::set<ValueId> seen;
  Border b;
  for (NodeId n : nodes) {
    for (ValueId v : g.node(n).inputs)
      if (v != kNone && !g.is_constant(v) && !inside.contains(g.producer(v)) && seen.insert(v).second)
        b.inputs.push_back(v);
  }
  for (NodeId n : nodes) {
    for (ValueId v : g.node(n).outputs) {
      if (v == kNone) continue;
      const auto& uses = g.value(v).uses;
      if (g.pinned(v) || std::ranges::any_of(uses, [&](const Use& u) { return !inside.contains(u.node); }))
        b.outputs.push_back(v);
    }
  }
  return b;
}

std::unique_ptr<Graph> extract(const Graph& g, std::span<const NodeId> nodes, const Border& border) {
  return Extraction(g).run(nodes, border);
}

}  // namespace tenon::graph
