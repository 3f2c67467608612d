// Priority placement: each provider takes what is left of each region.
#include "partition/partition.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "partition/inline_functions.h"

namespace tenon::partition {
namespace {

using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;

bool region_lives(const Graph& g, RegionId r) {
  const NodeId owner = g.region(r).owner;
  return owner == kNone || g.node(owner).alive;
}

bool is_handle(const ValueType& t) { return !t.is_tensor() || t.elem == DType::kString; }

class Assignment {
 public:
  Assignment(Graph& g, Placement& p, const Wishes& wishes) : g_(g), p_(p), wishes_(wishes) {}

  void run() {
    give_contexts();
    do {
      for (RegionId r = 0; r < g_.region_limit(); ++r)
        for (size_t k = 0; k < p_.providers.size(); ++k)
          if (region_lives(g_, r)) offer(r, k);
    } while (inline_calls());
    for (RegionId r = 0; r < g_.region_limit(); ++r) {
      if (!region_lives(g_, r)) continue;
      for (NodeId n : g_.region(r).nodes)
        if (g_.node(n).provider.empty()) fail_unplaced(n);
    }
  }

  void offer(RegionId r, size_t k) {
    ep::Provider& provider = *p_.providers[k].provider;
    std::vector<NodeId> nodes;
    for (NodeId n : g_.region(r).nodes)
      if (g_.node(n).provider.empty() && !ep::holds_context(g_.node(n)) && may_have(n, k)) nodes.push_back(n);
    if (nodes.empty()) return;
    ep::Capability c;
    try {
      c = provider.capability({g_, r, nodes});
    } catch (const std::exception& e) {
      for (NodeId n : nodes) p_.refused[{n, k}] = e.what();
      return;
    }
    const bool is_default = k + 1 == p_.providers.size();
    std::unordered_set<NodeId> offered;
    if (!is_default) offered.insert(nodes.begin(), nodes.end());
    for (const ep::Claim& claim : c.claims) {
      size_t taken = 0;
      for (NodeId n : claim.nodes) {
        if (!is_default) {
          if (!offered.contains(n)) continue;  // claimed before, or never offered
          if (const char* why = obstacle(n, provider, !claim.fused_name.empty())) {
            p_.refused[{n, k}] = why;
            offered.erase(n);
            continue;
          }
          offered.erase(n);
        }
        g_.set_provider(n, p_.providers[k].key);
        p_.refused.erase({n, k});
        if (!claim.fused_name.empty()) p_.claim_of[n] = p_.claims.size();
        ++taken;
      }
      if (taken && !claim.fused_name.empty()) p_.claims.push_back({k, claim.fused_name});
    }
    for (ep::Refusal& f : c.refusals)
      if (f.node < g_.node_limit() && g_.node(f.node).provider.empty()) p_.refused[{f.node, k}] = std::move(f.reason);
    for (NodeId n : offered)
      if (g_.node(n).provider.empty()) p_.refused.try_emplace({n, k}, "not claimed");
  }

 private:
  void give_contexts() {
    for (NodeId n = 0; n < g_.node_limit(); ++n) {
      if (!g_.node(n).alive || !g_.node(n).provider.empty() || !ep::holds_context(g_.node(n))) continue;
      const std::string_view source = g_.node(n).attrs.get_string("source", "");
      for (size_t k = 0; k < p_.providers.size(); ++k) {
        ep::Provider& provider = *p_.providers[k].provider;
        if (provider.name() != source)
          p_.refused[{n, k}] = fmt::format("it holds what \"{}\" compiled", source);
        else if (!provider.context())
          p_.refused[{n, k}] = "it restores no contexts";
        else if (g_.node(n).provider.empty())
          g_.set_provider(n, p_.providers[k].key);
      }
    }
  }

  bool may_have(NodeId n, size_t k) {
    if (p_.barred.contains({n, k})) return false;
    const auto pin = wishes_.pinned.find(g_.node(n).name);
    if (pin == wishes_.pinned.end()) {
      std::string why = wishes_.veto && k + 1 < p_.providers.size() ? wishes_.veto(n, k) : std::string();
      if (why.empty()) return true;
      p_.refused[{n, k}] = std::move(why);
      return false;
    }
    if (pin->second == p_.providers[k].key) return true;
    p_.refused[{n, k}] = fmt::format("the session's options give it to {}", pin->second);
    return false;
  }

  /// Why a node cannot live with a provider, whatever it says itself.
  const char* obstacle(NodeId id, const ep::Provider& provider, bool compiled) const {
    const graph::Node& n = g_.node(id);
    const bool host = provider.device() == Device{};
    if (!n.regions.empty() && !(compiled && host)) return "control flow runs on the default provider";
    if (!n.def && !compiled) return "a call of a model function can only be compiled";
    if (host) return nullptr;
    for (ValueId v : n.inputs)
      if (v != kNone && is_handle(g_.type(v))) return "an operand that is no tensor of numbers lives on the host";
    for (ValueId v : n.outputs)
      if (v != kNone && is_handle(g_.type(v))) return "a result that is no tensor of numbers lives on the host";
    return nullptr;
  }

  bool inline_calls() {
    const size_t inlined = inline_functions(g_);
    p_.inlined_calls += inlined;
    return inlined > 0;
  }

  [[noreturn]] void fail_unplaced(NodeId id) const {
    const graph::Node& n = g_.node(id);
    std::string why;
    for (size_t k = 0; k < p_.providers.size(); ++k) {
      const auto it = p_.refused.find({id, k});
      if (it != p_.refused.end()) why += fmt::format("; {}: {}", p_.providers[k].key, it->second);
    }
    fail(ErrorCode::kNotImplemented, "Could not find an implementation for {}{}{}({}) node with name '{}'{}", n.domain,
         n.domain.empty() ? "" : ".", n.op, n.since_version, n.name, why);
  }

  Graph& g_;
  Placement& p_;
  const Wishes& wishes_;
};

}  // namespace

void assign(Graph& g, Placement& p, const Wishes& wishes) {
  for (const auto& [node, key] : wishes.pinned)
    if (!p.find(key)) fail("node \"{}\" is given to provider \"{}\", which the session does not have", node, key);
  Assignment(g, p, wishes).run();
}

void offer(Graph& g, Placement& p, const Wishes& wishes, RegionId region, size_t provider) {
  if (region_lives(g, region)) Assignment(g, p, wishes).offer(region, provider);
}

}  // namespace tenon::partition
