// Provider: what a backend implements; three methods, the rest optional.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "ep/abilities.h"
#include "ep/compile.h"
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
  /// Without streams, executables are done when they return. With them, they may leave work in the stream of the run;
  /// what they read from or write to the host is done when they return all the same.
  virtual bool has_streams() const { return false; }
  virtual std::unique_ptr<Stream> make_stream() { return nullptr; }
  /// True when operand (or result) i of a claimed node is read (or written) in host memory.
  virtual bool on_host(const graph::Node& /*node*/, bool /*is_result*/, size_t /*i*/) const { return false; }
  /// Around every run of a session. An exception in run_start ends the run; every provider whose run_start returned
  /// gets its run_end, and an exception there fails a run that went well.
  virtual void run_start() {}
  virtual void run_end() {}

  // Abilities (see ep/abilities.h); null: it has none. They live as long as the provider.
  virtual DataTransfer* transfer() { return nullptr; }
  virtual LayoutChoice* layout() { return nullptr; }
  virtual CompiledContext* context() { return nullptr; }
  virtual DynamicOptions* dynamic_options() { return nullptr; }
  virtual Tracing* tracing() { return nullptr; }
  virtual SimulatedClock* simulated_clock() { return nullptr; }
};

/// True when operand (or result) i of node `n`, which `p` runs, is in host memory: the provider or the op's row says
/// so.
bool is_on_host(const Provider& p, const graph::Node& n, bool is_result, size_t i);

}  // namespace tenon::ep
