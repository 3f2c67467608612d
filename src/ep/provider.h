// Provider: what a backend implements; three methods, the rest optional.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/stream.h"
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

/// A provider takes these nodes. Without a name: each node as itself, by a kernel. With one: compiled together, into as
/// few operators as legal; the partitioner cuts the set into its maximal convex regions (a provider that can compile
/// whatever it supports makes one claim of everything).
struct Claim {
  std::vector<graph::NodeId> nodes;
  std::string fused_name;
};
struct Refusal {
  graph::NodeId node;
  std::string reason;
};
struct Capability {
  std::vector<Claim> claims;
  std::vector<Refusal> refusals;
};

/// What runs a node or a compiled group. It sees operands in the provider's memory, and the provider's stream.
using Executable = ops::Kernel;

/// One convex group to compile: a graph of its own, whose inputs and outputs are the values that cross the border, in
/// the order of the executable's operands and results. Lives as long as the executable.
struct Subgraph {
  std::shared_ptr<const graph::Graph> body;
  std::string name;
};

/// Services that a provider may use while compiling.
struct CompileContext {
  ops::PackStore* store = nullptr;
  Isa isa = Isa::kPortable;
  const Logger* log = nullptr;  ///< the session's; outlives the executables
  /// The group as the default provider would run it, for providers that fall back on it. May be empty.
  std::function<std::unique_ptr<const Executable>(const Subgraph&)> on_default = {};
};

/// Optional ability: moves bytes between this provider's device and the host, or another device.
class DataTransfer {
 public:
  virtual ~DataTransfer() = default;
  virtual bool can_copy(const Device& from, const Device& to) const = 0;
  /// Both tensors have the same type and dims. `stream` is this provider's, or null. Returns when `from` may be
  /// overwritten; a copy to the host returns when the bytes are there.
  virtual void copy(const ops::TensorRef& from, const Device& from_device, const ops::TensorRef& to,
                    const Device& to_device, Stream* stream) = 0;
};

/// Optional ability of a provider that only simulates a device: time as that device would count it, so that measured
/// placement can be tested where the cheapest answer is known.
class SimulatedClock {
 public:
  virtual ~SimulatedClock() = default;
  /// What its kernels and copies have taken so far; grows as they run.
  virtual int64_t ns() const = 0;
  /// What a node of this op would take on the default provider in the same simulation; < 0: the time that passes.
  virtual int64_t default_ns(std::string_view op) const = 0;
};

/// A backend. Three methods; the rest is optional. Called by one thread while a session is made; executables by any
/// number of threads.
class Provider {
 public:
  virtual ~Provider() = default;
  /// ORT's spelling: "CPUExecutionProvider".
  virtual std::string_view name() const = 0;
  virtual Capability capability(const GraphView& view) = 0;
  /// One executable per subgraph, in order. An exception gives the nodes to the next provider, with its text as reason.
  virtual std::vector<std::unique_ptr<const Executable>> compile(std::span<const Subgraph> groups,
                                                                 const CompileContext& context) = 0;

  /// False when its options give it nothing to do: it is then listed, but not asked.
  virtual bool takes_part() const { return true; }
  /// Kernel of a node that was claimed on its own.
  virtual std::unique_ptr<const Executable> kernel(const graph::Node& node, const ops::NodeInfo& info);
  virtual Device device() const { return {}; }                        ///< where its values live
  virtual std::shared_ptr<Allocator> allocator() { return nullptr; }  ///< of device(); null: the session's arena
  virtual DataTransfer* transfer() { return nullptr; }
  /// Without streams, executables are done when they return. With them, they may leave work in the stream of the run;
  /// what they read from or write to the host is done when they return all the same.
  virtual bool has_streams() const { return false; }
  virtual std::unique_ptr<Stream> make_stream() { return nullptr; }
  /// True when operand (or result) i of a claimed node is read (or written) in host memory.
  virtual bool on_host(const graph::Node& /*node*/, bool /*is_result*/, size_t /*i*/) const { return false; }
  virtual const SimulatedClock* simulated_clock() const { return nullptr; }
  virtual Layout preferred_layout() const { return Layout::kPlain; }
  /// Around every run of a session; an exception ends the run.
  virtual void run_start() {}
  virtual void run_end() {}
};

}  // namespace tenon::ep
