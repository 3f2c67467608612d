// From claimed nodes to compiled operators.
#include "partition/compile_groups.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "ep/layout.h"
#include "graph/extract.h"
#include "partition/group_op.h"
#include "partition/groups.h"
#include "partition/layouts.h"

namespace tenon::partition {
namespace {

using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

struct Group {
  RegionId region;
  std::vector<NodeId> nodes;
  graph::Border border;
  CompiledGroup facts;
};

class Compilation {
 public:
  Compilation(Graph& g, Placement& p, const ep::CompileContext& context) : g_(g), p_(p), context_(context) {}

  void restore(size_t k) {
    const std::string& key = p_.providers[k].key;
    ep::Provider& provider = *p_.providers[k].provider;
    for (NodeId n = 0; n < g_.node_limit(); ++n) {
      const graph::Node& node = g_.node(n);
      if (!node.alive || node.provider != key || !ep::holds_context(node) || p_.executables.contains(n)) continue;
      try {
        if (!context_.context_of) fail(ErrorCode::kEpFail, "there is nobody to read it");
        ep::CompiledContext& contexts = *provider.context();
        const ep::Blob blob = context_.context_of(node, provider.name(), contexts.version());
        p_.executables[n] = contexts.restore(g_, n, blob, context_);
      } catch (const Error& e) {
        throw Error(e.code(), fmt::format("EPContext node \"{}\" of {}: {}", node.name, key, e.what()), e.reason(),
                    e.limit());
      }
    }
  }

  /// False when the provider could not compile its groups: their nodes are free again.
  bool compile(size_t provider) {
    std::vector<Group> groups;
    std::vector<ep::Subgraph> bodies;
    for (size_t c = 0; c < p_.claims.size(); ++c)
      if (p_.claims[c].provider == provider) collect(c, groups, bodies);
    if (groups.empty()) return true;
    if (!context_.may_compile)
      throw Error(ErrorCode::kModelRequiresCompilation,
                  fmt::format("session.disable_model_compile is set, but {} would have to compile {} group{}",
                              p_.providers[provider].key, groups.size(), groups.size() == 1 ? "" : "s"));
    try {
      auto made = p_.providers[provider].provider->compile(bodies, context_);
      if (made.size() != groups.size() || std::ranges::any_of(made, [](const auto& e) { return !e; }))
        fail(ErrorCode::kEpFail, "{} executables for {} groups",
             std::ranges::count_if(made, [](const auto& e) { return e != nullptr; }), groups.size());
      for (size_t i = 0; i < groups.size(); ++i) replace(groups[i], bodies[i], provider, std::move(made[i]));
      g_.sort();
      return true;
    } catch (const std::exception& e) {
      undo_layouts(g_, p_, provider);
      for (const Group& group : groups) {
        for (NodeId n : group.nodes) {
          if (!g_.node(n).alive) continue;
          p_.barred.insert({n, provider});
          p_.refused[{n, provider}] = fmt::format("could not be compiled: {}", e.what());
          g_.set_provider(n, "");
          p_.claim_of.erase(n);
        }
      }
      return false;
    }
  }

 private:
  void collect(size_t claim, std::vector<Group>& groups, std::vector<ep::Subgraph>& bodies) {
    std::map<RegionId, std::unordered_set<NodeId>> members;
    for (const auto& [n, c] : p_.claim_of)
      if (c == claim && g_.node(n).alive) members[g_.node(n).region].insert(n);
    for (const auto& [region, nodes] : members) {
      std::vector<std::vector<NodeId>> formed;  // of claims before this one
      for (const Group& group : groups)
        if (group.region == region) formed.push_back(group.nodes);
      for (std::vector<NodeId>& group : convex_groups(g_, region, nodes, formed)) {
        graph::Border border = graph::border(g_, group);
        if (border.outputs.empty()) {  // nothing reads what they compute
          g_.erase_nodes(std::vector<NodeId>(group.rbegin(), group.rend()));
          continue;
        }
        const std::string name = fmt::format("{}_{}", p_.claims[claim].name, made_++);
        bodies.push_back({graph::extract(g_, group, border), name});
        CompiledGroup facts{kNone, p_.claims[claim].provider, region, {}, {}, {}};
        for (NodeId n : group)
          if (g_.node(n).def != &ep::kConvertLayout) facts.members.push_back(n);
        for (ValueId v : border.inputs) facts.inputs.push_back(origin(v));
        for (ValueId v : border.outputs) facts.outputs.push_back(origin(v));
        groups.push_back({region, std::move(group), std::move(border), std::move(facts)});
      }
    }
  }

  /// The value of the graph before groups and conversions that this one is.
  ValueId origin(ValueId v) const {
    while (true) {
      const NodeId made = g_.producer(v);
      if (const auto at = p_.origins.find(v); at != p_.origins.end())
        v = at->second;
      else if (made != kNone && g_.node(made).def == &ep::kConvertLayout)
        v = g_.node(made).inputs[0];
      else
        return v;
    }
  }

  void replace(Group& group, const ep::Subgraph& subgraph, size_t provider,
               std::unique_ptr<const ep::Executable> executable) {
    graph::Node node;
    node.op = subgraph.name;
    node.domain = kGroupOp.domain;
    node.def = &kGroupOp;
    node.since_version = kGroupOp.since;
    node.name = subgraph.name;
    for (ValueId v : group.border.inputs) {  // a group that was replaced before may have made it
      const auto now = replaced_.find(v);
      node.inputs.push_back(now == replaced_.end() ? v : now->second);
    }
    node.provider = p_.providers[provider].key;
    node.body = subgraph.body;
    for (NodeId n : group.nodes) {
      const auto& names = g_.node(n).provenance;
      node.provenance.insert(node.provenance.end(), names.begin(), names.end());
    }
    std::vector<std::string> names;
    for (ValueId v : group.border.outputs) names.push_back(g_.value(v).name);
    const NodeId id = g_.add_node(group.region, std::move(node), names, group.nodes.back());
    for (size_t j = 0; j < group.border.outputs.size(); ++j) {
      const ValueId old = group.border.outputs[j], fresh = g_.node(id).outputs[j];
      g_.set_type(fresh, g_.type(old));
      g_.replace_all(old, fresh);
      replaced_[old] = fresh;
      p_.origins[fresh] = group.facts.outputs[j];
    }
    const std::vector<NodeId> users_first(group.nodes.rbegin(), group.nodes.rend());
    g_.erase_nodes(users_first);
    for (size_t j = 0; j < names.size(); ++j) {  // free again, for reports
      const ValueId fresh = g_.node(id).outputs[j];
      if (g_.value(fresh).name != names[j]) g_.rename(fresh, names[j]);
    }
    for (NodeId n : group.nodes) p_.group_of[n] = id;
    p_.executables[id] = std::move(executable);
    group.facts.node = id;
    p_.compiled.push_back(std::move(group.facts));
  }

  Graph& g_;
  Placement& p_;
  const ep::CompileContext& context_;
  size_t made_ = 0;
  std::unordered_map<ValueId, ValueId> replaced_;
};

}  // namespace

void compile_groups(Graph& g, Placement& p, const Wishes& wishes, const ep::CompileContext& context) {
  Compilation compilation(g, p, context);
  for (size_t k = 0; k < p.providers.size(); ++k) compilation.restore(k);
  for (size_t k = 0; k < p.providers.size();) {
    if (compilation.compile(k)) {
      ++k;
      continue;
    }
    assign(g, p, wishes);  // anybody may have got something to compile
    choose_layouts(g, p, wishes);
    assign(g, p, wishes);
    k = 0;
  }
}

}  // namespace tenon::partition
