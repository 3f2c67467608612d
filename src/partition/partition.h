// Partitioning: who runs what. assign gives nodes to providers; lower makes groups and copies of it.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ep/placed.h"
#include "graph/graph.h"

namespace tenon::partition {

/// What a user asks of placement besides the order of the providers.
struct Wishes {
  std::map<std::string, std::string> pinned;  ///< node name → key of the only provider that may take it
  bool cpu_fallback = true;                   ///< false: an error when a node is left to the default provider
  /// Why provider k shall not have node n, "" when it may; not asked about the default provider and pinned nodes.
  /// How measured placement says what it wants.
  std::function<std::string(graph::NodeId n, size_t k)> veto = {};
};

/// A value that crosses from one memory to another in every run.
struct Crossing {
  std::string value, from, to;  ///< keys of providers; "host"
  int64_t bytes = -1;           ///< -1: known when it runs
};

/// A group that was compiled, in terms of the graph as it was before groups, conversions and copies.
struct CompiledGroup {
  graph::NodeId node;  ///< that stands for it
  size_t provider;
  graph::RegionId region;
  std::vector<graph::NodeId> members;           ///< those that were there then
  std::vector<graph::ValueId> inputs, outputs;  ///< of the executable; an input may come twice
};

/// What changed because a provider prefers a layout.
struct LayoutChange {
  std::vector<graph::NodeId> converters;
  std::vector<graph::ValueId> values;  ///< that nodes of the provider make in it
};

/// Decisions and reasons so far; assign and lower add to it.
struct Placement : ep::Placed {
  struct Claimed {
    size_t provider;
    std::string name;
  };
  std::vector<Claimed> claims;                                      ///< to be compiled
  std::unordered_map<graph::NodeId, size_t> claim_of;               ///< index in claims
  std::map<std::pair<graph::NodeId, size_t>, std::string> refused;  ///< (node, provider) → reason
  std::set<std::pair<graph::NodeId, size_t>> barred;                ///< could not be compiled
  std::unordered_map<graph::NodeId, graph::NodeId> group_of;        ///< node that was compiled → its group's node
  std::vector<CompiledGroup> compiled;
  std::unordered_map<graph::ValueId, graph::ValueId> origins;  ///< result of a group → the value that it replaced
  std::map<size_t, LayoutChange> layouts;                      ///< by provider
  std::vector<Crossing> copies;
  size_t inlined_calls = 0;
  std::vector<std::pair<std::string, size_t>> counts;  ///< per provider key: model nodes that it runs
  std::vector<std::pair<std::string, size_t>> groups;  ///< per provider key: compiled operators
};

/// Offers the free nodes of every region to the providers in order. The legal part of a claim is taken. Calls of model
/// functions that nobody claims are inlined, and everybody is asked again. A provider that throws refuses, with the
/// text as reason. EPContext nodes go to the provider that made them. Throws kNotImplemented naming node, op and each
/// provider's reason when a node stays without a provider. Idempotent: nodes that have a provider keep it.
void assign(graph::Graph& g, Placement& p, const Wishes& wishes = {});

/// Offers the free nodes of one region to one provider.
void offer(graph::Graph& g, Placement& p, const Wishes& wishes, graph::RegionId region, size_t provider);

/// Gives providers the layouts that they prefer, and EPContext nodes back to those who made them. Compiles the claims
/// that are to be compiled: each maximal convex group becomes one node. What a provider cannot compile is offered to
/// the next. Then inserts copies: every value is copied at most once per memory and region, right before its first
/// reader; constants need none (the planner uploads them).
void lower(graph::Graph& g, Placement& p, const Wishes& wishes, const ep::CompileContext& context);

/// Throws kEngineError when a node of a lowered graph has no provider, or an operand in the wrong memory.
void verify_placed(const graph::Graph& g, const Placement& p);

/// "TestDevice: 37 of 41 nodes in 2 groups, 3 copies, 1.2 MB"; empty when the default provider runs everything.
std::string summary(const Placement& p);

}  // namespace tenon::partition
