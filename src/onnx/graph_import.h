// GraphProto → regions of a Graph: names become values, outer names become captures, bodies become regions.
#pragma once
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"
#include "onnx/attributes.h"
#include "onnx/functions.h"
#include "onnx/tensors.h"

namespace tenon::onnx {

class GraphImporter {
 public:
  /// `opsets` gains the versions assumed for domains that the model uses without importing them. `bindings` is null
  /// outside functions.
  GraphImporter(Decoder& d, TensorImporter& tensors, const FunctionLibrary& functions, Opsets& opsets,
                const Bindings* bindings, graph::Graph& g)
      : d_(d),
        tensors_(tensors),
        functions_(functions),
        opsets_(opsets),
        bindings_(bindings),
        g_(g),
        attributes_(d, tensors, g.symbols()) {}

  /// Fills the main region and all nested ones.
  void main_graph(Bytes graph_bytes, int64_t ir_version);
  /// Makes the nodes of a function before `call`; its outputs, kNone where the body leaves one missing.
  std::vector<graph::ValueId> function_body(const FunctionView& f, graph::NodeId call);

 private:
  /// Where a name of a frame comes from: a node by its position, or one of these.
  enum : int64_t { kGiven = -1, kCapturedName = -2 };
  struct Name {
    graph::ValueId id;
    int64_t position;
  };
  /// One graph that is being read. Nested ones stand on a stack of frames.
  struct Frame {
    graph::RegionId region = 0;
    graph::NodeId owner = graph::kNone;
    GraphView view;
    std::unordered_map<std::string_view, Name> names;
    std::vector<graph::NodeId> ids;
    size_t next = 0;  ///< node that is being read
    std::vector<AttributeImporter::Body> bodies;
    size_t next_body = 0;
  };

  void run();
  void open_main(Frame& f, int64_t ir_version);
  void open_body(Frame& parent);
  void declare(Frame& f, std::string_view name, graph::ValueId id, int64_t position);
  void declare_nodes(Frame& f);
  void declare_node(Frame& f, size_t index);
  const graph::OpDef* find_op(const NodeView& n, graph::Node* out);
  int opset_version(const NodeView& n);
  bool visible_outside(std::string_view name) const;
  void read_node(Frame& f);
  graph::ValueId resolve(Frame& f, std::string_view name);
  void close(Frame& f);
  void apply_types(Frame& f);
  void declare_type(graph::ValueId v, ValueType t);
  ValueType input_type(const ValueInfoView& v);

  Decoder& d_;
  TensorImporter& tensors_;
  const FunctionLibrary& functions_;
  Opsets& opsets_;
  const Bindings* bindings_;
  graph::Graph& g_;
  AttributeImporter attributes_;
  std::vector<std::unique_ptr<Frame>> frames_;
  std::vector<uint32_t> provenance_;  ///< of every node, in a function body
  std::string prefix_;                ///< of names, in a function body
  NodeView node_;
  int64_t nodes_ = 0;
  int64_t expanded_ = 0;
  bool unsorted_ = false;
};

}  // namespace tenon::onnx
