// Patch: what a rewrite proposes; the pass manager alone applies it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace tenon::passes {

/// Recorded edits around one match. Handles made here are valid as operands at once; nothing touches the graph before
/// the manager has checked the patch (types of replaced values must agree) and applies it as a whole.
class Patch {
 public:
  explicit Patch(graph::Graph& g, graph::NodeId at) : graph_(g), at_(at) {}

  /// Value of a new constant.
  graph::ValueId constant(std::string_view name_hint, Value data);
  /// New node before the matched one. `version` = opset version the result needs (0: the newest row at the model's
  /// opset). Returns its first output; more outputs by output(k).
  graph::ValueId node(std::string_view domain, std::string_view op, std::vector<graph::ValueId> inputs,
                      graph::Attrs attrs = {}, size_t num_outputs = 1, int version = 0);
  graph::ValueId output(graph::ValueId first, size_t k) const;
  /// All uses of `from` (a result of an existing node) become `to`.
  void replace(graph::ValueId from, graph::ValueId to);
  /// Nodes that die when their results are unused are found by the manager; provenance of the new nodes = all that die.
  bool empty() const { return replacements_.empty(); }

 private:
  friend class PassManager;
  struct NewNode {
    std::string domain, op;
    std::vector<graph::ValueId> inputs;
    graph::Attrs attrs;
    std::vector<graph::ValueId> outputs;
    int version;
  };
  graph::Graph& graph_;
  graph::NodeId at_;
  std::vector<NewNode> nodes_;
  std::vector<std::pair<graph::ValueId, graph::ValueId>> replacements_;
  std::vector<std::pair<std::string, Value>> constants_;
};

}  // namespace tenon::passes
