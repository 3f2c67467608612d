// CustomOp: an operator from outside; CustomOps: the operators of a domain; TENON_CUSTOM_OPS: a library of them.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tenon/plugin.h"

namespace tenon::plugin {

enum class PortUse : uint8_t { kSingle, kOptional, kVariadic };

/// One input or output. All are tensors.
struct Port {
  std::string name;
  std::vector<DType> types = {};  ///< empty: any
  /// Ports with the same variable have the same element type; "": on its own.
  std::string type_var = {};
  PortUse use = PortUse::kSingle;
  int min_count = 1;         ///< of a variadic port, which must be the last one; 0 to 255
  bool homogeneous = true;   ///< operands of a variadic port have one element type
  bool host_memory = false;  ///< stays on the host when a provider with memory of its own runs the node
};

/// An attribute: required, with a default, or optional without one (a default of std::monostate).
struct Attribute {
  std::string name;
  AttributeKind kind = AttributeKind::kInt;
  bool required = false;
  /// Of the alternative that `kind` names; tensors have no defaults.
  std::variant<std::monostate, int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
               std::vector<std::string>>
      otherwise = {};
};

/// What `infer` sees: at load with dims that may be unknown, and at the first run of each combination of input shapes
/// with all of them known. It sets output types, and throws when the inputs do not fit, saying what was expected and
/// found (node and operator are added by Tenon).
class InferContext {
 public:
  virtual ~InferContext() = default;
  virtual const Attributes& attributes() const = 0;
  virtual size_t num_inputs() const = 0;
  virtual size_t num_outputs() const = 0;
  virtual bool has_input(size_t i) const = 0;
  virtual bool has_output(size_t j) const = 0;
  virtual const TensorType& input(size_t i) const = 0;  ///< throws when it is missing
  /// Contents of an integer input when they are known, at most 4096 of them: a constant, or in a run. Asking makes them
  /// part of what a plan is remembered by, so ask for operands that decide shapes only. Entries may be handles.
  virtual std::optional<std::vector<Dim>> ints(size_t i) = 0;
  /// Type of result j; nothing happens when nobody wants it. An element type of kUndefined stands for what the port's
  /// constraints say.
  virtual void set_output(size_t j, TensorType type) = 0;
  void set_output(size_t j, DType dtype, std::vector<Dim> dims) { set_output(j, TensorType{dtype, std::move(dims)}); }

  virtual Dim unknown() = 0;                     ///< a size that only the run knows, equal to no other
  virtual Dim named(std::string_view name) = 0;  ///< an unknown size; the same name is the same size
  virtual Dim add(Dim a, Dim b) = 0;
  virtual Dim mul(Dim a, Dim b) = 0;
  virtual Dim floor_div(Dim a, Dim b) = 0;
  virtual std::string text(Dim d) const = 0;  ///< for messages: "7", "batch", "2*seq + 1"
};

/// An operator. Nodes of `domain`, `name` run it when their model imports a version of the domain from `since` to
/// `until`; of several that fit, the one with the largest `since`.
struct CustomOp {
  std::string name;
  int since = 1;
  int until = 0;  ///< last version of the domain; 0: all later ones
  std::vector<Port> inputs = {}, outputs = {};
  std::vector<Attribute> attributes = {};
  /// Equal inputs give equal results, and nothing else happens: nodes may be computed at load, merged, and left out.
  bool deterministic = true;
  /// May be empty: element types then follow from the ports, and shapes are found in the run.
  std::function<void(InferContext&)> infer = {};
  /// The kernel of one node, with its state. Throws to refuse the node.
  std::function<std::unique_ptr<const Kernel>(const KernelInfo&)> make = {};
};

/// The operators of one domain, for SessionOptions::custom_ops.
struct CustomOps {
  std::string domain;
  std::vector<CustomOp> ops = {};
};

/// What a library exports as `tenon_custom_ops`. The first two members never move.
struct CustomOpsEntry {
  uint32_t api_version;
  uint32_t abi;
  /// Adds the library's domains. Called once, with the library loaded for as long as anybody has its operators.
  void (*add)(std::vector<CustomOps>& domains);
};

}  // namespace tenon::plugin

/// At the end of a library's source: exports `add`, a function of std::vector<tenon::plugin::CustomOps>&, for
/// SessionOptions::register_custom_ops_library.
#define TENON_CUSTOM_OPS(add)                                                                               \
  extern "C" __attribute__((visibility("default"))) const ::tenon::plugin::CustomOpsEntry tenon_custom_ops; \
  const ::tenon::plugin::CustomOpsEntry tenon_custom_ops = {::tenon::plugin::kApiVersion, ::tenon::plugin::kAbi, add};
