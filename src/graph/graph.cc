// Graph: ownership of values, nodes and regions, and the edits that keep their cross references right.
#include "graph/graph.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"

namespace tenon::graph {

Graph::Graph() : regions_(1), symbols_(std::make_unique<Symbols>()) {}
Graph::~Graph() = default;
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;

std::unique_ptr<Graph> Graph::clone() const {
  auto c = std::make_unique<Graph>();
  c->info = info;
  c->functions = functions;
  c->name = name;
  c->nodes_ = nodes_;
  c->values_ = values_;
  c->regions_ = regions_;
  c->interned_ = interned_;
  c->intern_index_ = intern_index_;
  c->names_ = names_;
  c->next_name_ = next_name_;
  c->live_nodes_ = live_nodes_;
  c->symbols_ = symbols_->clone();
  return c;
}

const Value& Graph::constant(ValueId v) const {
  static const Value empty;
  return is_constant(v) ? values_[v].data : empty;
}

ValueId Graph::find_value(std::string_view name) const {
  const auto it = names_.find(name);
  return it == names_.end() ? kNone : it->second;
}

std::string Graph::unique_name(std::string_view base) {
  std::string candidate(base.empty() ? "value" : base);
  if (!base.empty() && !names_.contains(candidate)) return candidate;
  const std::string stem = candidate + "_";
  do {
    candidate = stem + std::to_string(next_name_++);
  } while (names_.contains(candidate));
  return candidate;
}

ValueId Graph::new_value(std::string_view name, ValueRole role, RegionId region) {
  const auto id = static_cast<ValueId>(values_.size());
  ValueInfo v;
  v.name = unique_name(name);
  v.role = role;
  v.region = region;
  names_.emplace(v.name, id);
  values_.push_back(std::move(v));
  return id;
}

ValueId Graph::add_input(std::string name, ValueType type, Value default_value) {
  const ValueId id = new_value(name, ValueRole::kInput, 0);
  values_[id].index = static_cast<uint32_t>(regions_[0].args.size());
  values_[id].type = std::move(type);
  values_[id].data = std::move(default_value);
  values_[id].declared = true;
  regions_[0].args.push_back(id);
  return id;
}

ValueId Graph::add_constant(std::string name, Value data) {
  const ValueId id = new_value(name, ValueRole::kConstant, 0);
  ValueInfo& v = values_[id];
  v.type = type_of(data);
  v.data = std::move(data);
  return id;
}

ValueId Graph::add_argument(RegionId r, std::string name, ValueType type) {
  const ValueId id = new_value(name, ValueRole::kArgument, r);
  values_[id].type = std::move(type);
  // Formal arguments come before those of captures.
  Region& region = regions_[r];
  const uint32_t captures = region.owner == kNone ? 0 : nodes_[region.owner].captures;
  region.args.insert(region.args.end() - captures, id);
  for (size_t i = 0; i < region.args.size(); ++i) values_[region.args[i]].index = static_cast<uint32_t>(i);
  return id;
}

RegionId Graph::add_region(NodeId owner, std::string attr_name) {
  const auto r = static_cast<RegionId>(regions_.size());
  regions_.emplace_back();
  regions_[r].owner = owner;
  Node& n = nodes_[owner];
  n.regions.push_back(r);
  n.region_names.push_back(std::move(attr_name));
  for (uint32_t k = 0; k < n.captures; ++k) append_capture_argument(r, n.captured()[k]);
  return r;
}

ValueId Graph::append_capture_argument(RegionId r, ValueId captured) {
  const ValueId arg = new_value(values_[captured].name, ValueRole::kArgument, r);
  values_[arg].type = values_[captured].type;
  values_[arg].index = static_cast<uint32_t>(regions_[r].args.size());
  regions_[r].args.push_back(arg);
  return arg;
}

NodeId Graph::add_node(RegionId r, Node proto, std::span<const std::string> output_names, NodeId before) {
  const auto id = static_cast<NodeId>(nodes_.size());
  proto.region = r;
  proto.alive = true;
  proto.outputs.clear();
  if (proto.name.empty()) proto.name = proto.op + "_" + std::to_string(id);
  for (size_t k = 0; k < output_names.size(); ++k) {
    if (output_names[k].empty()) {
      proto.outputs.push_back(kNone);
      continue;
    }
    const ValueId v = new_value(output_names[k], ValueRole::kResult, r);
    values_[v].node = id;
    values_[v].index = static_cast<uint32_t>(k);
    proto.outputs.push_back(v);
  }
  for (size_t i = 0; i < proto.inputs.size(); ++i) {
    if (proto.inputs[i] != kNone) values_[proto.inputs[i]].uses.push_back({id, static_cast<uint32_t>(i)});
  }
  nodes_.push_back(std::move(proto));
  ++live_nodes_;
  std::vector<NodeId>& order = regions_[r].nodes;
  order.insert(before == kNone ? order.end() : std::find(order.begin(), order.end(), before), id);
  return id;
}

void Graph::set_results(RegionId r, std::vector<ValueId> results) {
  for (ValueId v : regions_[r].results)
    if (v != kNone) --values_[v].result_uses;
  for (ValueId v : results)
    if (v != kNone) ++values_[v].result_uses;
  regions_[r].results = std::move(results);
}

void Graph::unuse(ValueId v, NodeId n, uint32_t index) {
  std::vector<Use>& uses = values_[v].uses;
  const auto it = std::find(uses.begin(), uses.end(), Use{n, index});
  if (it != uses.end()) uses.erase(it);
}

void Graph::set_input(NodeId n, uint32_t index, ValueId v) {
  ValueId& slot = nodes_[n].inputs[index];
  if (slot == v) return;
  if (slot != kNone) unuse(slot, n, index);
  slot = v;
  if (v != kNone) values_[v].uses.push_back({n, index});
}

void Graph::add_operand(NodeId n, ValueId v) {
  std::vector<ValueId>& inputs = nodes_[n].inputs;
  if (nodes_[n].captures > 0) fail(ErrorCode::kInvalidGraph, "operands of a node with captures are fixed");
  inputs.push_back(v);
  if (v != kNone) values_[v].uses.push_back({n, static_cast<uint32_t>(inputs.size() - 1)});
}

void Graph::rename(ValueId v, std::string_view name) {
  if (values_[v].name == name) return;
  names_.erase(values_[v].name);
  values_[v].name = unique_name(name);
  names_.emplace(values_[v].name, v);
}

void Graph::replace_all(ValueId from, ValueId to) {
  if (from == to) return;
  for (const Use& u : values_[from].uses) {
    nodes_[u.node].inputs[u.index] = to;
    values_[to].uses.push_back(u);
  }
  values_[from].uses.clear();
  if (values_[from].result_uses == 0) return;
  for (Region& r : regions_)
    for (ValueId& v : r.results)
      if (v == from) v = to;
  const bool takes_name = values_[to].result_uses == 0 && (values_[to].role == ValueRole::kResult || is_constant(to));
  values_[to].result_uses += values_[from].result_uses;
  values_[from].result_uses = 0;
  if (takes_name) {
    const std::string name = values_[from].name;
    names_.erase(name);
    values_[from].name = unique_name("replaced");
    names_.emplace(values_[from].name, from);
    rename(to, name);
  }
  values_[to].declared |= values_[from].declared;
}

void Graph::release_value(ValueId v) {
  const auto it = names_.find(values_[v].name);
  if (it != names_.end() && it->second == v) names_.erase(it);
  values_[v].node = kNone;
  values_[v].data = {};
  values_[v].uses.clear();
}

void Graph::detach(NodeId root) {
  std::vector<NodeId> doomed{root};
  for (size_t d = 0; d < doomed.size(); ++d) {  // nested regions, outer nodes first
    for (RegionId r : nodes_[doomed[d]].regions) {
      doomed.insert(doomed.end(), regions_[r].nodes.begin(), regions_[r].nodes.end());
    }
  }
  for (NodeId id : doomed) {
    Node& n = nodes_[id];
    n.alive = false;
    --live_nodes_;
    for (size_t i = 0; i < n.inputs.size(); ++i)
      if (n.inputs[i] != kNone) unuse(n.inputs[i], id, static_cast<uint32_t>(i));
    for (ValueId v : n.outputs)
      if (v != kNone) release_value(v);
    for (RegionId r : n.regions) {
      set_results(r, {});
      for (ValueId v : regions_[r].args) release_value(v);
      regions_[r].args.clear();
      regions_[r].nodes.clear();
    }
  }
}

void Graph::erase_node(NodeId n) { erase_nodes({&n, 1}); }

void Graph::erase_nodes(std::span<const NodeId> nodes) {
  constexpr size_t kFew = 8;  // so many are looked up one by one
  std::vector<RegionId> touched;
  for (NodeId n : nodes) {
    if (!nodes_[n].alive) continue;
    for (ValueId v : nodes_[n].outputs) {
      if (v != kNone && (!values_[v].uses.empty() || pinned(v))) {
        fail(ErrorCode::kInvalidGraph, "node \"{}\" cannot be removed: its output \"{}\" is used", nodes_[n].name,
             values_[v].name);
      }
    }
    const RegionId r = nodes_[n].region;
    detach(n);
    std::vector<NodeId>& order = regions_[r].nodes;
    if (nodes.size() <= kFew)
      order.erase(std::find(order.begin(), order.end(), n));
    else if (touched.empty() || touched.back() != r)
      touched.push_back(r);
  }
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  for (RegionId r : touched) std::erase_if(regions_[r].nodes, [&](NodeId n) { return !nodes_[n].alive; });
}

void Graph::erase_constant(ValueId v) {
  if (!is_constant(v) || !values_[v].uses.empty() || pinned(v)) {
    fail(ErrorCode::kInvalidGraph, "value \"{}\" cannot be removed: it is used or not a constant", values_[v].name);
  }
  release_value(v);
  values_[v].role = ValueRole::kResult;  // a hole: a result of no node
}

ValueId Graph::add_capture(NodeId n, ValueId v, RegionId r) {
  if (is_constant(v)) return v;
  // A value from further out is first captured by the nodes in between.
  std::vector<NodeId> path{n};
  while (values_[v].region != nodes_[path.back()].region) {
    const NodeId outer = regions_[nodes_[path.back()].region].owner;
    if (outer == kNone) {
      fail(ErrorCode::kInvalidGraph, "value \"{}\" is not visible where node \"{}\" stands", values_[v].name,
           nodes_[n].name);
    }
    path.push_back(outer);
  }
  for (size_t step = path.size(); step-- > 0;) {
    const NodeId at = path[step];
    const RegionId inner = step == 0 ? r : nodes_[path[step - 1]].region;
    const auto captured = nodes_[at].captured();
    size_t k = static_cast<size_t>(std::find(captured.begin(), captured.end(), v) - captured.begin());
    if (k == captured.size()) {
      nodes_[at].inputs.push_back(v);
      ++nodes_[at].captures;
      values_[v].uses.push_back({at, static_cast<uint32_t>(nodes_[at].inputs.size() - 1)});
      const std::vector<RegionId> regions = nodes_[at].regions;
      for (RegionId region : regions) append_capture_argument(region, v);
    }
    const std::vector<ValueId>& args = regions_[inner].args;
    v = args[args.size() - nodes_[at].captures + k];
  }
  return v;
}

void Graph::drop_unused_captures(NodeId id) {
  Node& n = nodes_[id];
  for (uint32_t k = n.captures; k-- > 0;) {
    bool read = false;
    for (RegionId r : n.regions) {
      const std::vector<ValueId>& args = regions_[r].args;
      const ValueInfo& arg = values_[args[args.size() - n.captures + k]];
      read |= !arg.uses.empty() || arg.result_uses > 0;
    }
    if (read) continue;
    const size_t operand = n.inputs.size() - n.captures + k;
    for (size_t i = operand; i < n.inputs.size(); ++i) unuse(n.inputs[i], id, static_cast<uint32_t>(i));
    n.inputs.erase(n.inputs.begin() + static_cast<std::ptrdiff_t>(operand));
    for (size_t i = operand; i < n.inputs.size(); ++i)
      values_[n.inputs[i]].uses.push_back({id, static_cast<uint32_t>(i)});
    for (RegionId r : n.regions) {
      std::vector<ValueId>& args = regions_[r].args;
      const size_t at = args.size() - n.captures + k;
      release_value(args[at]);
      args.erase(args.begin() + static_cast<std::ptrdiff_t>(at));
      for (size_t i = at; i < args.size(); ++i) values_[args[i]].index = static_cast<uint32_t>(i);
    }
    --n.captures;
  }
}

void Graph::sort() {
  for (Region& r : regions_) sort_region(r);
}

void Graph::sort_region(Region& r) {
  // Depth first over producers, in the present order: an order that is right stays as it is.
  enum : uint8_t { kUnseen, kOpen, kDone };
  std::unordered_map<NodeId, uint8_t> state;
  std::vector<NodeId> sorted;
  sorted.reserve(r.nodes.size());
  struct Visit {
    NodeId node;
    size_t next;
  };
  std::vector<Visit> stack;
  for (NodeId root : r.nodes) {
    if (state[root] == kDone) continue;
    stack.push_back({root, 0});
    state[root] = kOpen;
    while (!stack.empty()) {
      Visit& top = stack.back();
      const std::vector<ValueId>& inputs = nodes_[top.node].inputs;
      NodeId deeper = kNone;
      while (top.next < inputs.size() && deeper == kNone) {
        const ValueId v = inputs[top.next++];
        if (v == kNone) continue;
        const NodeId p = producer(v);
        if (p == kNone || state[p] == kDone) continue;
        if (state[p] == kOpen) {
          fail(ErrorCode::kInvalidGraph, "the graph has a cycle through node \"{}\" ({})", nodes_[p].name,
               nodes_[p].op);
        }
        if (nodes_[p].region == nodes_[top.node].region) deeper = p;
      }
      if (deeper == kNone) {
        state[top.node] = kDone;
        sorted.push_back(top.node);
        stack.pop_back();
      } else {
        state[deeper] = kOpen;
        stack.push_back({deeper, 0});
      }
    }
  }
  r.nodes = std::move(sorted);
}

uint32_t Graph::intern(std::string_view text) {
  const auto it = intern_index_.find(text);
  if (it != intern_index_.end()) return it->second;
  const auto id = static_cast<uint32_t>(interned_.size());
  interned_.emplace_back(text);
  intern_index_.emplace(std::string(text), id);
  return id;
}

const Function* Graph::find_function(std::string_view domain, std::string_view fname, std::string_view overload) const {
  for (const auto& f : functions)
    if (f->name == fname && f->domain == domain && f->overload == overload) return f.get();
  return nullptr;
}

}  // namespace tenon::graph
