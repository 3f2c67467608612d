// Optional abilities of a provider: small interfaces, of which it hands out those that it has.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "ep/compile.h"
#include "graph/graph.h"
#include "ops/kernel.h"

namespace tenon::ep {

/// Moves bytes between a provider's device and the host, or another device.
class DataTransfer {
 public:
  virtual ~DataTransfer() = default;
  virtual bool can_copy(const Device& from, const Device& to) const = 0;
  /// Both tensors have the same type and dims. `stream` is this provider's, or null. Returns when `from` may be
  /// overwritten; a copy to the host returns when the bytes are there.
  virtual void copy(const ops::TensorRef& from, const Device& from_device, const ops::TensorRef& to,
                    const Device& to_device, Stream* stream) = 0;
};

/// How a node gets along with another layout than the plain one: its bytes are in another order, its dims are not.
struct LayoutFit {
  enum Use : uint8_t {
    kPlain,   ///< not at all
    kEither,  ///< runs in both, and takes what its neighbours have
    kWanted,  ///< runs in the preferred layout
  } use = kPlain;
  uint64_t operands = 0, results = 0;  ///< bit i: operand (result) i then has that layout; the others stay plain
};

/// Prefers a layout. Claimed nodes that want it get it: the types of their operands and results say so
/// (ValueType::layout), ConvertLayout nodes stand where the layout changes, as few as possible, and `capability` is
/// asked again. What it then leaves has plain operands again. Constants are always plain.
class LayoutChoice {
 public:
  virtual ~LayoutChoice() = default;
  virtual Layout preferred() const = 0;  ///< kPlain: none
  /// Of a claimed node with plain operands; default_layout_fit unless the provider knows better.
  virtual LayoutFit fit(const graph::Graph& g, graph::NodeId n) const;
};

/// Compiled groups as bytes: a session writes them as EPContext nodes (ep.context_enable), and a later one restores
/// them instead of compiling. What is restored was sealed with the provider's name, version() and a hash, and these
/// agree.
class CompiledContext {
 public:
  virtual ~CompiledContext() = default;
  /// Of the bytes, and of the hardware that they need: what another version wrote is refused.
  virtual std::string version() const = 0;
  /// `executable` is what compile() made of the group. The restored one takes and gives plain layouts, also where the
  /// group's border has others.
  virtual std::string serialize(const Subgraph& group, const Executable& executable, const CompileContext& context) = 0;
  /// For an EPContext node: operands and results must be what was serialised, which the provider checks.
  virtual std::unique_ptr<const Executable> restore(const graph::Graph& g, graph::NodeId n, const Blob& blob,
                                                    const CompileContext& context) = 0;
};

/// A node that holds what a provider compiled; its attribute `source` names the provider.
inline bool holds_context(const graph::Node& n) { return n.op == "EPContext" && n.domain == "com.microsoft"; }

/// Options that may change while the session lives (set_ep_dynamic_options).
class DynamicOptions {
 public:
  virtual ~DynamicOptions() = default;
  virtual std::span<const std::string_view> keys() const = 0;
  /// `key` is one of keys(). Called by any thread, during runs, too. Throws kInvalidArgument for a wrong value.
  virtual void set(std::string_view key, const std::string& value) = 0;
};

/// Something that a provider did during a run.
struct TraceEvent {
  std::string name, stream;
  std::chrono::steady_clock::time_point begin;
  std::chrono::nanoseconds duration;
};

/// Events of a provider's own, merged into the trace file of a session that profiles.
class Tracing {
 public:
  virtual ~Tracing() = default;
  virtual void trace(bool on) = 0;             ///< off at first; by any thread
  virtual std::vector<TraceEvent> take() = 0;  ///< those that ended since the last call; by any thread
};

/// The clock of a provider that only simulates a device: time as that device would count it, so that measured
/// placement can be tested where the cheapest answer is known.
class SimulatedClock {
 public:
  virtual ~SimulatedClock() = default;
  /// What its kernels and copies have taken so far; grows as they run.
  virtual int64_t ns() const = 0;
  /// What a node of this op would take on the default provider in the same simulation; < 0: the time that passes.
  virtual int64_t default_ns(std::string_view op) const = 0;
};

}  // namespace tenon::ep
