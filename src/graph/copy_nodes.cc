// Copies nodes between regions of one graph.
#include "graph/copy_nodes.h"

#include "base/error.h"

namespace tenon::graph {
namespace {

class Copier {
 public:
  Copier(Graph& g, ValueMap& map) : g_(g), map_(map) {}

  std::vector<NodeId> nodes(RegionId from, RegionId to, NodeId before) {
    std::vector<NodeId> out;
    const std::vector<NodeId> order = g_.region(from).nodes;
    for (NodeId n : order) out.push_back(node(n, to, before));
    return out;
  }

 private:
  ValueId copy_of(ValueId v) const {
    const auto it = map_.find(v);
    return it == map_.end() ? v : it->second;  // constants, missing operands
  }

  NodeId node(NodeId from, RegionId to, NodeId before) {
    Node proto = g_.node(from);
    const std::vector<RegionId> regions = std::move(proto.regions);
    const std::vector<std::string> region_names = std::move(proto.region_names);
    const std::vector<ValueId> outputs = proto.outputs;
    proto.regions.clear();
    proto.region_names.clear();
    for (ValueId& v : proto.inputs) v = copy_of(v);
    std::vector<std::string> names;
    for (ValueId v : outputs) names.push_back(v == kNone ? std::string() : g_.value(v).name);
    const NodeId copy = g_.add_node(to, std::move(proto), names, before);
    for (size_t k = 0; k < outputs.size(); ++k)
      if (outputs[k] != kNone) define(outputs[k], g_.node(copy).outputs[k]);
    for (size_t k = 0; k < regions.size(); ++k) region(regions[k], copy, region_names[k]);
    return copy;
  }

  void define(ValueId from, ValueId copy) {
    g_.set_type(copy, g_.type(from));
    g_.edit_value(copy).declared = g_.value(from).declared;
    map_[from] = copy;
  }

  void region(RegionId from, NodeId owner, const std::string& name) {
    const RegionId r = g_.add_region(owner, name);
    const std::vector<ValueId> args = g_.region(from).args;
    const size_t formal = args.size() - g_.node(owner).captures;
    for (size_t i = 0; i < args.size(); ++i) {
      if (i < formal) g_.add_argument(r, g_.value(args[i]).name, g_.type(args[i]));
      define(args[i], g_.region(r).args[i]);
    }
    nodes(from, r, kNone);
    std::vector<ValueId> results = g_.region(from).results;
    for (ValueId& v : results) v = copy_of(v);
    g_.set_results(r, std::move(results));
    g_.edit_region(r).result_names = g_.region(from).result_names;
    g_.edit_region(r).name = g_.region(from).name;
  }

  Graph& g_;
  ValueMap& map_;
};

}  // namespace

std::vector<NodeId> copy_nodes(Graph& g, RegionId from, RegionId to, NodeId before, ValueMap& map) {
  return Copier(g, map).nodes(from, to, before);
}

ValueId own_result(Graph& g, ValueId v, ValueId pinned, NodeId before, const OpSet& ops, std::vector<NodeId>* made) {
  if (!g.pinned(pinned) || (g.producer(v) != kNone && !g.pinned(v))) return v;
  const auto imported = g.info.opsets.find("");
  const int version = imported == g.info.opsets.end() ? ops.newest_version("") : imported->second;
  Node node;
  node.op = "Identity";
  node.def = ops.find("", "Identity", version);
  if (!node.def) fail(ErrorCode::kInvalidGraph, "opset {} has no Identity", version);
  node.since_version = node.def->since;
  node.inputs = {v};
  const std::string names[] = {g.value(pinned).name};
  made->push_back(g.add_node(g.node(before).region, std::move(node), names, before));
  const ValueId copy = g.node(made->back()).outputs[0];
  g.set_type(copy, g.type(v));
  return copy;
}

}  // namespace tenon::graph
