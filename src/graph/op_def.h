// Op rows as data: names, versions, ports, attributes, and the functions that know the op.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/dtype.h"

namespace tenon::ops {
class InferContext;
class Kernel;
struct NodeInfo;
}  // namespace tenon::ops

namespace tenon::graph {

class Attrs;
class Graph;
struct Node;

/// Which value kinds a port takes, besides plain tensors.
enum Kinds : uint8_t { kTensors = 1, kSequences = 2, kOptionals = 4, kMaps = 8, kSparses = 16 };

enum class PortUse : uint8_t { kSingle, kOptional, kVariadic };

/// One input or output as ONNX declares it. Ports with the same `var` have the same type.
struct Port {
  const char* name;
  DTypeSet types;         ///< element types (of sequence / optional elements, map values too)
  const char* var = "T";  ///< ONNX type variable; "" when the type is fixed and stands alone
  PortUse use = PortUse::kSingle;
  uint8_t kinds = kTensors;
  bool heterogeneous = false;  ///< variadic operands may have different types
  uint8_t min_count = 1;       ///< of a variadic port
  bool on_host = false;        ///< a provider reads or writes it in host memory, whatever memory it has
};

enum class AttrKind : uint8_t {
  kInt,
  kFloat,
  kString,
  kTensor,
  kGraph,
  kType,
  kSparse,
  kInts,
  kFloats,
  kStrings,
  kTensors
};

/// One attribute: required, or with the default that applies when absent.
struct AttrDef {
  const char* name;
  AttrKind kind;
  bool required = false;
  bool has_default = false;
  double number = 0;      ///< default of kInt / kFloat
  const char* text = "";  ///< default of kString
};
constexpr AttrDef int_attr(const char* n, int64_t def) {
  return {n, AttrKind::kInt, false, true, static_cast<double>(def), ""};
}
constexpr AttrDef float_attr(const char* n, double def) { return {n, AttrKind::kFloat, false, true, def, ""}; }
constexpr AttrDef string_attr(const char* n, const char* def) { return {n, AttrKind::kString, false, true, 0, def}; }
constexpr AttrDef required_attr(const char* n, AttrKind k) { return {n, k, true, false, 0, ""}; }
constexpr AttrDef optional_attr(const char* n, AttrKind k) { return {n, k, false, false, 0, ""}; }

/// How the planner lowers a node of this op.
enum class Lowering : uint8_t {
  kKernel,  ///< make() gives an object that runs
  kView,    ///< output 0 is input 0's bytes with other dims; no work (make() copies where sharing is not allowed)
  kIf,
  kLoop,
  kScan,
};

/// One (op, version range) row. Several rows may share functions.
struct OpDef {
  const char* name;
  const char* domain = "";  ///< "" is ai.onnx
  int since = 1;            ///< first opset version of the row
  int until = 0;            ///< last one, 0 = still current
  std::span<const Port> inputs = {};
  std::span<const Port> outputs = {};
  std::span<const AttrDef> attrs = {};
  void (*infer)(ops::InferContext&) = nullptr;
  std::unique_ptr<const ops::Kernel> (*make)(const ops::NodeInfo&) = nullptr;
  Lowering lowering = Lowering::kKernel;
  uint32_t inplace = 0;       ///< bit i: output 0 may live in input i's buffer when storage bytes agree
  bool deterministic = true;  ///< false: never folded, never merged (random ops)
  bool deprecated = false;    ///< removed after `until`; still runs for old models
  /// Ops of ours: the text of a graph over ai.onnx `opset` (and com.microsoft) that computes the same for these
  /// attributes. Saved models carry it as a model-local function, so that other runtimes can run them.
  std::string (*body)(const Attrs& attrs, int opset) = nullptr;
  /// Makes nodes before `node` that compute the same, and returns the values that its outputs become: for ops without a
  /// kernel, and for nodes with bodies, which kernels cannot run. The partitioner asks the providers first.
  std::vector<uint32_t> (*expand)(Graph& g, uint32_t node) = nullptr;
  bool names_values = false;  ///< its attributes name values of the graph: it is expanded before anything is rewritten
};
/// Whether a node is one that only its op's `expand` makes runnable.
bool is_expanded(const Node& n);

using OpDefs = std::span<const OpDef>;

/// The rows a session can use: the built-in table plus what was registered at run time. Rows must outlive the set.
class OpSet {
 public:
  explicit OpSet(std::span<const OpDefs* const> tables = {}) {
    for (const OpDefs* t : tables) add(*t);
  }
  void add(OpDefs rows);
  /// Row for (domain, name) with the largest since <= version; null when there is none or the version is past `until`.
  /// "ai.onnx" and "" are the same domain.
  const OpDef* find(std::string_view domain, std::string_view name, int version) const;
  bool knows_domain(std::string_view domain) const { return newest_version(domain) > 0; }
  /// Newest version with rows in a domain, e.g. 28 for ""; 0 for an unknown domain.
  int newest_version(std::string_view domain) const;
  std::span<const OpDef* const> all() const { return rows_; }

 private:
  std::vector<const OpDef*> rows_;
  std::unordered_map<std::string, std::vector<const OpDef*>> index_;  ///< "domain:name" → rows, newest first
};

/// Smallest and largest number of operands / results that the row takes (INT_MAX for variadic).
struct Arity {
  int min, max;
};
Arity input_arity(const OpDef& op);
Arity output_arity(const OpDef& op);
/// The port of operand i (variadic ports repeat); null when the row takes no operand i.
const Port* input_port(const OpDef& op, size_t i);
const Port* output_port(const OpDef& op, size_t i);

}  // namespace tenon::graph
