// Expansion: what OpDef::expand needs to make nodes of ai.onnx that stand for another node.
#pragma once
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "ops/infer_types.h"

namespace tenon::ops {

/// Makes nodes in one place of a graph, in the version of ai.onnx that the model imports, and types their results.
class Expansion {
 public:
  /// In front of node `before`.
  Expansion(graph::Graph& g, graph::NodeId before);
  /// At the end of a body.
  Expansion(graph::Graph& g, graph::RegionId body, std::string name);

  graph::ValueId op(std::string_view name, std::vector<graph::ValueId> inputs, graph::Attrs attrs = {});
  std::vector<graph::ValueId> ops(std::string_view name, std::vector<graph::ValueId> inputs, graph::Attrs attrs,
                                  size_t outputs);
  /// A node whose results are not typed yet: its bodies are still to be made. settle() types them.
  graph::NodeId open(std::string_view name, std::vector<graph::ValueId> inputs, size_t outputs);
  void settle(graph::NodeId n);

  graph::ValueId ints(std::vector<int64_t> values);  ///< int64 [n]
  graph::ValueId number(DType t, double value);      ///< a scalar of a float type
  graph::ValueId cast(graph::ValueId v, DType t);    ///< v itself where it is of type t

  graph::Graph& g;

 private:
  graph::RegionId region_;
  graph::NodeId before_ = graph::kNone;
  std::string name_;
  int version_;
  DerivedInts ints_;
};

}  // namespace tenon::ops
