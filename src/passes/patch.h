// Patch: what a rewrite proposes; the pass manager alone applies it.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace tenon::passes {

/// Recorded edits around one match. Handles made here are valid as operands of the same patch at once (the graph does
/// not know them); nothing touches the graph before the manager applies the patch as a whole: types of replaced values
/// must agree with those of their replacements, or all of it is taken back.
/// The matched node must stand where the result stands: every operand of a new node is defined before it.
class Patch {
 public:
  Patch(const graph::Graph& g, graph::NodeId at, const graph::OpSet& ops) : graph_(g), at_(at), ops_(ops) {}

  /// Value of a new constant.
  graph::ValueId constant(std::string_view name_hint, Value data);
  /// Row that node() would use, null when there is none: a rule that needs such an op then does not match.
  /// `version` = opset version the result needs (0: the newest row at the model's opset).
  const graph::OpDef* row(std::string_view domain, std::string_view op, int version = 0) const;
  /// New node before the matched one. Returns its first output; more outputs by output(k).
  graph::ValueId node(std::string_view domain, std::string_view op, std::vector<graph::ValueId> inputs,
                      graph::Attrs attrs = {}, size_t num_outputs = 1, int version = 0);
  graph::ValueId output(graph::ValueId first, size_t k) const { return first + static_cast<graph::ValueId>(k); }
  /// All uses of `from` (a result of an existing node) become `to` (of this patch, or existing).
  void replace(graph::ValueId from, graph::ValueId to) { replacements_.emplace_back(from, to); }
  /// Nodes that die when their results are unused are found by the manager; provenance of the new nodes = all that die.
  bool empty() const { return replacements_.empty(); }

 private:
  friend class PassManager;
  static constexpr graph::ValueId kFirstHandle = 0x80000000u;  ///< handles of new values; the graph's ids are below
  struct NewNode {
    std::string domain, op;
    const graph::OpDef* def;
    std::vector<graph::ValueId> inputs;
    graph::Attrs attrs;
    std::vector<graph::ValueId> outputs;
  };
  const graph::Graph& graph_;
  graph::NodeId at_;
  const graph::OpSet& ops_;
  std::vector<NewNode> nodes_;
  std::vector<std::pair<graph::ValueId, graph::ValueId>> replacements_;
  struct NewConstant {
    graph::ValueId handle;
    std::string name;
    Value data;
  };
  std::vector<NewConstant> constants_;
  graph::ValueId next_ = kFirstHandle;
};

}  // namespace tenon::passes
