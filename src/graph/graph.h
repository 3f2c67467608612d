// Graph: the validated, typed SSA form that passes rewrite, the partitioner places and the planner reads.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/symbols.h"
#include "base/value_type.h"
#include "graph/attr.h"
#include "graph/op_def.h"

namespace tenon::graph {

using ValueId = uint32_t;
using NodeId = uint32_t;
using RegionId = uint32_t;
inline constexpr uint32_t kNone = UINT32_MAX;  ///< missing optional input or output; no node; no region

enum class ValueRole : uint8_t {
  kResult,    ///< output `index` of node `node`
  kInput,     ///< input of the main region: graph input (with `data` = its default when an initializer has its name)
  kArgument,  ///< argument of a nested region
  kConstant,  ///< initializer that is not a graph input; `data` holds it
};

struct Use {
  NodeId node;
  uint32_t index;  ///< operand index
  bool operator==(const Use&) const = default;
};

/// SSA value. Its type only gets more precise while the graph lives.
struct ValueInfo {
  std::string name;  ///< unique in the graph, regions included
  ValueType type;
  ValueRole role = ValueRole::kResult;
  NodeId node = kNone;
  uint32_t index = 0;
  RegionId region = 0;       ///< where it is defined
  Value data;                ///< constants; defaults of inputs
  std::vector<Use> uses;     ///< every operand slot that reads it (region results are not uses; see result_of)
  uint32_t result_uses = 0;  ///< how often it is a region result; > 0 pins it: rewrites must keep it
  bool declared = false;     ///< type was declared by the model (value_info or graph output), an assumption
};

class Graph;

/// A node: operands = the op's inputs (kNone where an optional one is missing), then `captures` captured values.
/// Each of its regions has block arguments = formal arguments of the body, then one per capture, in the same order.
struct Node {
  std::string op;
  std::string domain;          ///< "" is ai.onnx
  int since_version = 0;       ///< of the op row
  const OpDef* def = nullptr;  ///< null for a call of a model function
  std::string overload;        ///< of the called model function
  std::string name;            ///< as in the model; generated when empty there
  Attrs attrs;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<RegionId> regions;
  std::vector<std::string> region_names;  ///< attribute name of each region ("then_branch", "body")
  uint32_t captures = 0;                  ///< trailing operands that are captures
  RegionId region = 0;                    ///< where it stands
  std::string provider;                   ///< set by the partitioner
  std::vector<uint32_t> provenance;       ///< interned names of the model nodes it came from
  std::shared_ptr<const Graph> body;      ///< of a group that a provider compiled: the nodes that it stands for
  bool alive = true;

  std::span<const ValueId> operands() const { return {inputs.data(), inputs.size() - captures}; }
  std::span<const ValueId> captured() const { return std::span(inputs).subspan(inputs.size() - captures); }
};

/// Straight-line body: arguments, nodes in a topological order, results.
struct Region {
  NodeId owner = kNone;  ///< kNone for the main region
  std::vector<ValueId> args;
  std::vector<NodeId> nodes;
  std::vector<ValueId> results;
  std::vector<std::string> result_names;  ///< names of the results as the model spells them
  std::string name;
};

/// Model-local function, kept until the partitioner has asked the providers. Its body is a region of `body`.
struct Function;

/// Facts of the model file that survive to save and to ModelMetadata.
struct ModelInfo {
  int64_t ir_version = 0;
  std::string producer_name, producer_version, domain, doc_string, graph_doc;
  int64_t model_version = 0;
  std::map<std::string, int> opsets;  ///< domain ("" = ai.onnx) → version
  std::vector<std::pair<std::string, std::string>> metadata;
  std::map<std::string, std::vector<std::string>> denotations;  ///< of the dims of graph inputs; "" = none
};

/// Owns everything. Ids are stable: removed nodes and values leave holes. Edits keep uses and types' owners consistent;
/// only readers, the pass manager and the partitioner edit. Not thread-safe while edited, immutable afterwards.
class Graph {
 public:
  Graph();
  ~Graph();
  Graph(Graph&&) noexcept;
  Graph& operator=(Graph&&) noexcept;
  std::unique_ptr<Graph> clone() const;  ///< deep copy of the structure; constants are shared

  // Reading.
  const Region& region(RegionId r = 0) const { return regions_[r]; }
  const Node& node(NodeId n) const { return nodes_[n]; }
  const ValueInfo& value(ValueId v) const { return values_[v]; }
  const ValueType& type(ValueId v) const { return values_[v].type; }
  size_t node_limit() const { return nodes_.size(); }  ///< ids are below; check alive
  size_t value_limit() const { return values_.size(); }
  size_t region_limit() const { return regions_.size(); }
  size_t live_nodes() const { return live_nodes_; }  ///< all regions together
  bool is_constant(ValueId v) const { return v != kNone && values_[v].role == ValueRole::kConstant; }
  /// Contents when constant, else an empty handle.
  const Value& constant(ValueId v) const;
  /// Defining node, or kNone.
  NodeId producer(ValueId v) const { return values_[v].role == ValueRole::kResult ? values_[v].node : kNone; }
  bool pinned(ValueId v) const { return values_[v].result_uses > 0; }
  ValueId find_value(std::string_view name) const;  ///< kNone when there is none

  // Building and editing.
  ValueId add_input(std::string name, ValueType type, Value default_value = {});
  /// Name is made unique. Constants belong to no region: nodes of every region may read them without a capture.
  ValueId add_constant(std::string name, Value data);
  ValueId add_argument(RegionId r, std::string name, ValueType type);
  RegionId add_region(NodeId owner, std::string attr_name);
  /// Appends to `r` (or stands before node `before`); creates outputs of unknown type with the given names, made unique
  /// (an empty name: the output is missing, kNone). `proto.inputs` and `proto.captures` are taken as they are.
  NodeId add_node(RegionId r, Node proto, std::span<const std::string> output_names, NodeId before = kNone);
  void set_results(RegionId r, std::vector<ValueId> results);
  void set_type(ValueId v, ValueType t) { values_[v].type = std::move(t); }
  void set_attr(NodeId n, std::string name, AttrValue v) { nodes_[n].attrs.set(std::move(name), std::move(v)); }
  void set_input(NodeId n, uint32_t index, ValueId v);
  void add_operand(NodeId n, ValueId v);          ///< appends; for nodes without captures
  void rename(ValueId v, std::string_view name);  ///< made unique
  /// Every use and every region result of `from` becomes `to`. A pinned output keeps its name: `to` takes it over.
  void replace_all(ValueId from, ValueId to);
  /// Removes a node none of whose outputs is used; its regions go too.
  void erase_node(NodeId n);
  void erase_nodes(std::span<const NodeId> nodes);  ///< in this order, users before producers; one sweep per region
  void erase_constant(ValueId v);                   ///< unused constants
  void set_provider(NodeId n, std::string p) { nodes_[n].provider = std::move(p); }
  /// Adds a capture of outer value `v` to node `n` (reusing one that exists) and returns the argument in its region
  /// `r`. The nodes between `v`'s region and `n` capture it as well; a constant is returned as it is.
  ValueId add_capture(NodeId n, ValueId v, RegionId r);
  /// Drops captures that no region of `n` reads.
  void drop_unused_captures(NodeId n);
  /// Reorders every region topologically where edits broke the order; throws kInvalidGraph on a cycle.
  void sort();
  std::string unique_name(std::string_view base);
  Node& edit(NodeId n) { return nodes_[n]; }
  ValueInfo& edit_value(ValueId v) { return values_[v]; }
  Region& edit_region(RegionId r) { return regions_[r]; }

  // Interned names of model nodes, for provenance.
  uint32_t intern(std::string_view name);
  const std::string& interned(uint32_t id) const { return interned_[id]; }

  Symbols& symbols() const { return *symbols_; }
  ModelInfo info;
  std::vector<std::shared_ptr<const Function>> functions;
  std::string name;

  const Function* find_function(std::string_view domain, std::string_view name, std::string_view overload) const;

 private:
  void unuse(ValueId v, NodeId n, uint32_t index);
  ValueId new_value(std::string_view name, ValueRole role, RegionId region);
  ValueId append_capture_argument(RegionId r, ValueId captured);
  void release_value(ValueId v);
  void detach(NodeId n);
  void sort_region(Region& r);
  std::vector<Node> nodes_;
  std::vector<ValueInfo> values_;
  std::vector<Region> regions_;
  std::vector<std::string> interned_;
  std::map<std::string, uint32_t, std::less<>> intern_index_;
  std::map<std::string, ValueId, std::less<>> names_;
  uint64_t next_name_ = 0;
  size_t live_nodes_ = 0;
  std::unique_ptr<Symbols> symbols_;
};

struct Function {
  std::string domain, name, overload;
  std::vector<std::string> inputs, outputs;  ///< formal names
  std::vector<std::string> attributes;       ///< required attribute parameters
  Attrs attribute_defaults;                  ///< attributes with defaults
  std::map<std::string, int> opsets;
  /// Makes the nodes of the body in region `r` of `g` before `call`, bound to the call's operands and attributes;
  /// returns the values of the outputs. Set by the importer, because the body is instantiated per call (types differ).
  std::function<std::vector<ValueId>(Graph& g, NodeId call)> instantiate;
  std::string doc;
  std::string_view encoded;  ///< the FunctionProto as read, kept alive by `instantiate`; empty when made here
};

}  // namespace tenon::graph
