// Calls of model functions, and ops that are expanded, become nodes that compute the same, under a node budget.
#include "partition/inline_functions.h"

#include <algorithm>

#include "base/error.h"
#include "graph/copy_nodes.h"
#include "ops/infer_types.h"
#include "ops/op.h"

namespace tenon::partition {
namespace {

using graph::kNone;
using graph::NodeId;
using graph::ValueId;

std::vector<NodeId> unclaimed_calls(const graph::Graph& g) {
  std::vector<NodeId> calls;
  for (NodeId n = 0; n < g.node_limit(); ++n)
    if (g.node(n).alive && (!g.node(n).def || graph::is_expanded(g.node(n))) && g.node(n).provider.empty())
      calls.push_back(n);
  return calls;
}

std::vector<ValueId> instantiate(graph::Graph& g, NodeId call) {
  const graph::Node& node = g.node(call);
  if (node.def) return node.def->expand(g, call);
  const graph::Function* f = g.find_function(node.domain, node.op, node.overload);
  if (!f || !f->instantiate) {
    fail(ErrorCode::kInvalidGraph, "node \"{}\": there is no function {}.{}{}{}", node.name, node.domain, node.op,
         node.overload.empty() ? "" : ":", node.overload);
  }
  return f->instantiate(g, call);
}

/// Returns what the outputs have become.
std::vector<ValueId> inline_call(graph::Graph& g, NodeId call) {
  const graph::Node node = g.node(call);
  const auto first = static_cast<NodeId>(g.node_limit());
  std::vector<ValueId> results = instantiate(g, call);
  for (size_t k = 0; k < node.outputs.size(); ++k) {
    if (node.outputs[k] == kNone) continue;
    if (k >= results.size() || results[k] == kNone)
      fail(ErrorCode::kInvalidGraph, "node \"{}\": function {} has no output {}", node.name, node.op, k);
    const ValueId out = node.outputs[k];
    std::vector<NodeId> made;
    results[k] = graph::own_result(g, results[k], out, call, ops::builtin_ops(), &made);
    g.replace_all(out, results[k]);
  }
  g.erase_node(call);
  for (NodeId n = first; n < g.node_limit(); ++n) {  // profiles and reports name the call that the model spells
    std::vector<uint32_t>& names = g.edit(n).provenance;
    for (uint32_t id : node.provenance)
      if (std::find(names.begin(), names.end(), id) == names.end()) names.push_back(id);
  }
  return results;
}

}  // namespace

size_t inline_functions(graph::Graph& g, size_t max_nodes) {
  const std::vector<NodeId> calls = unclaimed_calls(g);
  for (NodeId call : calls) {
    if (!g.node(call).alive) continue;  // inside the body of a call that went
    inline_call(g, call);
    if (g.node_limit() > max_nodes)
      fail_limit("function_nodes", "inlining model functions makes more than {} nodes", max_nodes);
  }
  if (!calls.empty()) ops::infer_types(g);
  return calls.size();
}

void expand_by_name(graph::Graph& g) {
  bool any = false;
  for (NodeId n = 0; n < g.node_limit(); ++n) {
    if (!g.node(n).alive || !g.node(n).def || !g.node(n).def->names_values) continue;
    std::vector<std::string> names;  // a later node may name what this one computes
    for (ValueId v : g.node(n).outputs) names.push_back(v == kNone || g.pinned(v) ? std::string() : g.value(v).name);
    try {
      const std::vector<ValueId> made = inline_call(g, n);
      for (size_t k = 0; k < names.size(); ++k)
        if (!names[k].empty() && g.producer(made[k]) != kNone && !g.pinned(made[k])) g.rename(made[k], names[k]);
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("node \"{}\" ({}): {}", g.node(n).name, g.node(n).op, e.what()), e.reason(),
                  e.limit());
    }
    any = true;
  }
  if (any) ops::infer_types(g);
}

}  // namespace tenon::partition
