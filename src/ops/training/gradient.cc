// Gradient: the derivatives of a value y of the graph by others, as nodes, in reverse mode. Its attributes name values.
#include <unordered_map>
#include <unordered_set>

#include "graph/copy_nodes.h"
#include "ops/derivatives.h"
#include "ops/infer.h"
#include "ops/rows.h"

namespace tenon::ops::gradient {
namespace {

using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::ValueId;

void infer(InferContext& c) {
  const size_t xs = c.attrs().get_strings("xs").size(), zs = c.attrs().get_strings("zs").size();
  if (xs + zs != c.num_inputs()) fail("{} inputs, expected {} as attributes xs and zs name", c.num_inputs(), xs + zs);
  if (c.num_outputs() > xs) fail("{} outputs, expected at most {} as attribute xs names", c.num_outputs(), xs);
  for (size_t j = 0; j < c.num_outputs(); ++j) {
    if (!is_float(c.dtype(j))) fail("input {} is {}, expected a float type", j, dtype_name(c.dtype(j)));
    c.set_type(j, c.type(j));
  }
}

ValueId named(const Graph& g, std::string_view name, const char* attribute) {
  const ValueId v = g.find_value(name);
  if (v == kNone)
    fail(ErrorCode::kInvalidGraph, "attribute {} names \"{}\", which the graph does not have", attribute, name);
  return v;
}

/// The nodes between the named values and y, and which values hang on them.
struct Path {
  std::vector<NodeId> nodes;  ///< in order
  std::unordered_set<ValueId> values;
};
Path path(const Graph& g, const graph::Node& at, NodeId id, ValueId y, const std::unordered_set<ValueId>& from) {
  Path p{{}, from};
  std::vector<NodeId> hanging;
  for (NodeId n : g.region(at.region).nodes) {
    if (n == id) break;
    bool hangs = false;
    for (ValueId v : g.node(n).inputs) hangs = hangs || p.values.contains(v);
    for (ValueId v : g.node(n).outputs) hangs = hangs && !from.contains(v);
    if (!hangs) continue;
    hanging.push_back(n);
    p.values.insert(g.node(n).outputs.begin(), g.node(n).outputs.end());
  }
  std::unordered_set<ValueId> needed{y};
  for (size_t k = hanging.size(); k-- > 0;) {
    const graph::Node& n = g.node(hanging[k]);
    bool needs = false;
    for (ValueId v : n.outputs) needs = needs || needed.contains(v);
    if (!needs) continue;
    needed.insert(n.inputs.begin(), n.inputs.end());
    p.nodes.insert(p.nodes.begin(), hanging[k]);
  }
  return p;
}

std::vector<ValueId> expand(Graph& g, NodeId id) {
  const graph::Node node = g.node(id);
  std::vector<std::string> names;
  for (const char* a : {"xs", "zs"})
    for (const std::string& s : node.attrs.get_strings(a)) names.push_back(s);
  const size_t xs = node.attrs.get_strings("xs").size();
  const ValueId y = named(g, node.attrs.get_string("y", ""), "y");
  graph::ValueMap now;  // what stands for a value of the path where the gradient is taken
  std::unordered_set<ValueId> from, varying;
  bool moved = false;
  for (size_t i = 0; i < names.size(); ++i) {
    const ValueId v = named(g, names[i], i < xs ? "xs" : "zs");
    from.insert(v);
    if (i < xs) varying.insert(v);
    now[v] = node.inputs[i];
    moved = moved || node.inputs[i] != v;
  }
  const Path p = path(g, node, id, y, from);
  Expansion e(g, id);
  const auto value = [&](ValueId v) {
    const auto it = now.find(v);
    return it == now.end() ? v : it->second;
  };
  // Where the operands are the named values themselves, the nodes of the graph have computed everything already.
  for (NodeId n : p.nodes) {
    if (!moved) continue;
    const graph::Node old = g.node(n);
    if (!old.regions.empty())
      fail(ErrorCode::kNotImplemented, "Gradient at other values passes node \"{}\" ({}), which has bodies", old.name,
           old.op);
    std::vector<ValueId> inputs;
    for (ValueId v : old.inputs) inputs.push_back(value(v));
    const std::vector<ValueId> made = e.ops(old.op, inputs, old.attrs, old.outputs.size());
    for (size_t k = 0; k < made.size(); ++k) now[old.outputs[k]] = made[k];
  }
  for (NodeId n : p.nodes) {
    bool varies = false;
    for (ValueId v : g.node(n).inputs) varies = varies || varying.contains(v);
    for (ValueId v : g.node(n).outputs)
      if (varies && v != kNone && is_float(g.type(v).elem)) varying.insert(v);  // no derivative goes through integers
  }
  const auto filled = [&](ValueId v, double x) {
    return e.op("Expand", {e.number(g.type(v).elem, x), e.op("Shape", {v})});
  };
  std::unordered_map<ValueId, ValueId> by;  // derivative of y by a value of the path
  by[y] = filled(value(y), 1);
  for (size_t k = p.nodes.size(); k-- > 0;) {
    graph::Node n = g.node(p.nodes[k]);
    const std::vector<ValueId> operands(n.operands().begin(), n.operands().end());
    const auto dy = n.outputs.empty() ? by.end() : by.find(n.outputs[0]);
    if (dy == by.end()) continue;
    std::vector<bool> wanted;
    bool any = false;
    for (ValueId v : operands) {
      wanted.push_back(varying.contains(v));
      any = any || wanted.back();
    }
    if (!any) continue;
    for (ValueId& v : n.inputs)
      if (v != kNone) v = value(v);
    const std::vector<ValueId> parts = derive({e, n, value(n.outputs[0]), dy->second}, wanted);
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i] == kNone) continue;
      const auto [it, first] = by.try_emplace(operands[i], parts[i]);
      if (!first) it->second = e.op("Add", {it->second, parts[i]});
    }
  }
  std::vector<ValueId> out;
  for (size_t j = 0; j < node.outputs.size(); ++j) {
    const auto it = by.find(g.find_value(names[j]));
    out.push_back(it == by.end() ? filled(node.inputs[j], 0) : it->second);
  }
  return out;
}

constexpr Port kIn[] = {{"Inputs", kIr3Set, "T1", PortUse::kVariadic, kTensors, true}};
constexpr Port kOut[] = {{"Outputs", kOldFloatSet, "T2", PortUse::kVariadic, kTensors, true}};
constexpr AttrDef kAttrs[] = {required_attr("xs", AttrKind::kStrings), required_attr("y", AttrKind::kString),
                              optional_attr("zs", AttrKind::kStrings)};
constexpr OpDef kOps[] = {{.name = "Gradient",
                           .domain = "ai.onnx.preview.training",
                           .since = 1,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .expand = expand,
                           .names_values = true}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::gradient
