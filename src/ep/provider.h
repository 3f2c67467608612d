// Provider: what a backend implements; three methods, the rest optional.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "ops/kernel.h"
#include "tenon/allocator.h"

namespace tenon::ep {

/// The nodes of one region that are still free, in topological order, with the graph to look around in.
struct GraphView {
  const graph::Graph& graph;
  graph::RegionId region;
  std::span<const graph::NodeId> nodes;
};

/// A provider takes these nodes: one node to run as itself, or a convex group to be compiled into one operator.
struct Claim {
  std::vector<graph::NodeId> nodes;
  std::string fused_name;  ///< empty: each node on its own
};
struct Refusal {
  graph::NodeId node;
  std::string reason;
};
struct Capability {
  std::vector<Claim> claims;
  std::vector<Refusal> refusals;
};

/// One claimed group to compile; `inputs`/`outputs` are the values that cross its border.
struct Subgraph {
  const graph::Graph& graph;
  std::span<const graph::NodeId> nodes;
  std::span<const graph::ValueId> inputs, outputs;
};

/// What compile makes of a group: it runs like a kernel on the border values.
using Executable = ops::Kernel;

/// Services that a provider may use while compiling.
struct CompileContext {
  ops::PackStore* store = nullptr;
  Isa isa = Isa::kPortable;
};

// Optional abilities: a provider that has one returns it from the accessor.
class DataTransfer {
 public:
  virtual ~DataTransfer() = default;
  virtual bool can_copy(const Device& from, const Device& to) const = 0;
  virtual void copy(const Value& from, Value& to, void* stream) = 0;
};

class Provider {
 public:
  virtual ~Provider() = default;
  /// ORT's spelling: "CPUExecutionProvider".
  virtual std::string_view name() const = 0;
  virtual Capability capability(const GraphView& view) = 0;
  /// One executable per subgraph, in order. Throws kEpFail; the partitioner then gives the nodes to the next provider.
  virtual std::vector<std::unique_ptr<const Executable>> compile(std::span<const Subgraph> groups,
                                                                 const CompileContext& context) = 0;

  virtual Device device() const { return {}; }
  virtual Allocator* allocator() { return nullptr; }
  virtual DataTransfer* transfer() { return nullptr; }
  virtual Layout preferred_layout() const { return Layout::kPlain; }
};

}  // namespace tenon::ep
