// Provider: a backend from outside. It looks at graphs, claims nodes, and compiles what it was given.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/allocator.h"
#include "tenon/plugin.h"

namespace tenon::plugin {

using NodeId = uint32_t;

class NodeView;
class GraphView;

// Views are read-only, valid during the call that hands them over, and of one thread.

/// A value of a graph.
class ValueView {
 public:
  virtual ~ValueView() = default;
  virtual std::string_view name() const = 0;  ///< unique in the graph
  virtual ValueKind kind() const = 0;
  virtual TensorType type() const = 0;  ///< of a tensor
  /// Contents, when it is a constant. They live as long as the kernels that the call makes.
  virtual std::optional<TensorView> constant() const = 0;
  virtual const NodeView* producer() const = 0;  ///< null: an input or a constant, or made outside of this graph
  virtual std::vector<const NodeView*> users() const = 0;  ///< nodes of this graph, each once
  virtual bool is_output() const = 0;                      ///< a result of the graph (or of a subgraph)
};

/// A node of a graph.
class NodeView {
 public:
  virtual ~NodeView() = default;
  virtual NodeId id() const = 0;
  virtual std::string_view name() const = 0;    ///< as in the model; a made-up one where that has none
  virtual std::string_view op() const = 0;      ///< "Conv"
  virtual std::string_view domain() const = 0;  ///< "" is ai.onnx
  /// First version of the operator that behaves like this one; 0 for a call of a model's own function.
  virtual int since_version() const = 0;
  virtual const Attributes& attributes() const = 0;
  virtual size_t num_inputs() const = 0;
  virtual size_t num_outputs() const = 0;
  virtual const ValueView* input(size_t i) const = 0;   ///< null: an optional one that is missing
  virtual const ValueView* output(size_t j) const = 0;  ///< null: not wanted
  /// Bodies of control flow by attribute ("then_branch", "body"). A body's inputs are its formal arguments, then one
  /// per value of captures().
  virtual std::vector<std::pair<std::string, const GraphView*>> subgraphs() const = 0;
  virtual std::vector<const ValueView*> captures() const = 0;
};

/// A graph, or the body of a node.
class GraphView {
 public:
  virtual ~GraphView() = default;
  virtual std::string_view name() const = 0;
  virtual std::span<const NodeView* const> nodes() const = 0;  ///< producers before users
  virtual std::span<const ValueView* const> inputs() const = 0;
  virtual std::span<const ValueView* const> outputs() const = 0;
  virtual std::string text(Dim d) const = 0;  ///< "7", "batch", "2*seq + 1"
};

/// A provider takes these nodes. Without a name: each node as itself, by `kernel`. With one: compiled together; the set
/// is cut into its maximal convex groups, so that a provider which can compile whatever it supports makes one claim.
struct Claim {
  std::vector<NodeId> nodes;
  std::string fused_name = {};
};
/// Why it leaves a node; stands in the load report.
struct Refusal {
  NodeId node;
  std::string reason;
};
struct Capability {
  std::vector<Claim> claims;
  std::vector<Refusal> refusals;
};

/// One group to compile: a graph of its own, whose inputs and outputs are the operands and results of the kernel.
struct Group {
  const GraphView& graph;
  std::string_view name;
};

/// Services of the session while it is made.
class Services {
 public:
  virtual ~Services() = default;
  /// 0 verbose, 1 info, 2 warning, 3 error, 4 fatal.
  virtual void log(int severity, std::string_view message) = 0;
};

/// Optional ability: memory of its own. Values of its nodes live there; copies are made at the border.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual Device device() const = 0;  ///< not the host's
  virtual std::shared_ptr<Allocator> allocator() = 0;
  virtual bool can_copy(const Device& from, const Device& to) const = 0;
  /// Both tensors have the same type and dims; `stream` is the provider's, or null. Returns when `from` may be
  /// overwritten; a copy to the host returns when the bytes are there.
  virtual void copy(const TensorView& from, const Device& from_device, const Tensor& to, const Device& to_device,
                    Stream* stream) = 0;
  /// True when operand (or result) i of such a node, claimed on its own, is read (or written) in host memory.
  virtual bool on_host(std::string_view /*domain*/, std::string_view /*op*/, bool /*is_result*/, size_t /*i*/) const {
    return false;
  }
};

/// Optional ability: kernels may leave work in the stream of their run. What they read from or write to the host is
/// done when they return all the same; so is everything without this ability.
class Streams {
 public:
  virtual ~Streams() = default;
  virtual std::unique_ptr<Stream> make_stream() = 0;  ///< one per concurrent run
};

/// Optional ability: to be told of runs. An exception of run_start ends the run; whoever started gets its run_end, and
/// an exception there fails a run that went well.
class RunEvents {
 public:
  virtual ~RunEvents() = default;
  virtual void run_start() = 0;
  virtual void run_end() = 0;
};

/// How a node gets along with another layout than the plain one.
struct LayoutFit {
  enum Use : uint8_t {
    kPlain,   ///< not at all
    kEither,  ///< runs in both, and takes what its neighbours have
    kWanted,  ///< runs in the preferred layout
  } use = kPlain;
  uint64_t operands = 0, results = 0;  ///< bit i: operand (result) i then has that layout; the others stay plain
};

/// Optional ability: a preferred layout. Claimed nodes that want it have it in the types of their operands and results;
/// ConvertLayout nodes (domain ai.tenon) stand where the layout changes, and `capability` is asked again. What it then
/// leaves has plain operands again. Constants are always plain.
class LayoutChoice {
 public:
  virtual ~LayoutChoice() = default;
  virtual Layout preferred() const = 0;
  /// Of a claimed node with plain operands; nothing: Tenon's rule, by which convolutions, pools, normalisations over
  /// channels and resizing want it, and element-wise operators run in either.
  virtual std::optional<LayoutFit> fit(const NodeView& /*node*/) const { return std::nullopt; }
};

/// Optional ability: compiled groups as bytes. Sessions write them as EPContext nodes (ep.context_enable), and later
/// ones restore them instead of compiling. They are sealed with the provider's name, version() and a hash.
class CompiledContext {
 public:
  virtual ~CompiledContext() = default;
  /// Of the bytes, and of the hardware that they need: what another version wrote is refused.
  virtual std::string version() const = 0;
  /// `kernel` is what compile() made of the group. The restored one takes and gives plain layouts, also where the
  /// group's border has others.
  virtual std::string serialize(const Group& group, const Kernel& kernel) = 0;
  /// The kernel of an EPContext node, whose operands and results must be what was serialised; the bytes live as long as
  /// the kernel.
  virtual std::unique_ptr<const Kernel> restore(const NodeView& node, std::span<const std::byte> bytes) = 0;
};

/// Optional ability: options that may change while the session lives (set_ep_dynamic_options).
class DynamicOptions {
 public:
  virtual ~DynamicOptions() = default;
  virtual std::vector<std::string> keys() const = 0;
  /// `key` is one of keys(). Called by any thread, during runs, too. Throws for a wrong value.
  virtual void set(std::string_view key, const std::string& value) = 0;
};

/// Something that a provider did during a run.
struct TraceEvent {
  std::string name, stream;
  std::chrono::steady_clock::time_point begin;
  std::chrono::nanoseconds duration;
};

/// Optional ability: events of its own in the trace file of a session that profiles.
class Tracing {
 public:
  virtual ~Tracing() = default;
  virtual void trace(bool on) = 0;             ///< off at first; by any thread
  virtual std::vector<TraceEvent> take() = 0;  ///< those that ended since the last call; by any thread
};

/// A backend of one session, with its options. Called by one thread while the session is made; kernels, streams and
/// copies by any number of threads. Abilities that it hands out live as long as it does.
class Provider {
 public:
  virtual ~Provider() = default;
  /// Of `graph`, the nodes in `free` are still to be had. Those with operands or results that are no tensors are never
  /// offered. Called for every graph and body, several times while it is rewritten.
  virtual Capability capability(const GraphView& graph, std::span<const NodeView* const> free) = 0;
  /// One kernel per group, in order. An exception gives the nodes to the next provider, with its text as the reason.
  virtual std::vector<std::unique_ptr<const Kernel>> compile(std::span<const Group> groups, Services& services) = 0;
  /// The kernel of a node that was claimed without a name.
  virtual std::unique_ptr<const Kernel> kernel(const KernelInfo& node) {
    throw Error(ErrorCode::kEpFail,
                "the provider claimed " + std::string(node.name()) + " on its own, but has no kernel for it");
  }
  /// False when its options give it nothing to do: it is then listed, but not asked.
  virtual bool takes_part() const { return true; }

  // Abilities; null: it has not.
  virtual Memory* memory() { return nullptr; }
  virtual Streams* streams() { return nullptr; }
  virtual RunEvents* run_events() { return nullptr; }
  virtual LayoutChoice* layout() { return nullptr; }
  virtual CompiledContext* context() { return nullptr; }
  virtual DynamicOptions* dynamic_options() { return nullptr; }
  virtual Tracing* tracing() { return nullptr; }
};

/// A piece of hardware that a provider can use.
struct HardwareDevice {
  Device::Type type = Device::Type::kCpu;
  std::string vendor = {};
  uint32_t vendor_id = 0;  ///< PCI number
  uint32_t device_id = 0;
  std::map<std::string, std::string> metadata = {};
};

/// How sessions get a provider.
struct ProviderFactory {
  std::string name;  ///< for lists of providers: "NegAbsExecutionProvider"
  std::string vendor = {};
  std::string version = {};
  std::vector<HardwareDevice> devices = {};  ///< empty: it uses the host's processor
  /// Throws for options that it does not know or understand.
  std::function<std::unique_ptr<Provider>(const std::map<std::string, std::string>& options)> make = {};
};

/// What a library exports as `tenon_providers`. The first two members never move.
struct ProvidersEntry {
  uint32_t api_version;
  uint32_t abi;
  /// Adds the library's providers. Called once, when the library is registered.
  void (*add)(std::vector<ProviderFactory>& factories);
};

}  // namespace tenon::plugin

/// At the end of a library's source: exports `add`, a function of std::vector<tenon::plugin::ProviderFactory>&, for
/// tenon::register_provider_library.
#define TENON_PROVIDERS(add)                                                                               \
  extern "C" __attribute__((visibility("default"))) const ::tenon::plugin::ProvidersEntry tenon_providers; \
  const ::tenon::plugin::ProvidersEntry tenon_providers = {::tenon::plugin::kApiVersion, ::tenon::plugin::kAbi, add};

namespace tenon {

/// Loads a library that ends with TENON_PROVIDERS. From then on its providers can be used by their names in every list
/// of providers (they are no part of available_providers()). `name` is for unregistering. A relative path counts from
/// the working directory. Throws kInvalidArgument for a name, or a provider's name, that is taken; kNoSuchFile; kFail
/// for a file that is no such library or was built for another version of tenon/plugin.h.
TENON_API void register_provider_library(const std::string& name, const std::string& path);
/// Unloads it. Throws kFail when sessions use its providers, and when no library was registered by that name.
TENON_API void unregister_provider_library(const std::string& name);

/// A provider of a registered library on a piece of hardware.
struct ProviderDevice {
  std::string provider, vendor, version;
  plugin::HardwareDevice device;
};
TENON_API std::vector<ProviderDevice> provider_devices();

}  // namespace tenon
