// Semantic views: what rules ask about nodes and values, the same for every opset version.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace tenon::passes {

/// Node is `op` of ai.onnx (or of `domain`).
bool is_op(const graph::Graph& g, graph::NodeId n, std::string_view op, std::string_view domain = "");
/// Producer of `v` when it is such a node, else kNone. `v` may be kNone.
graph::NodeId producer_of(const graph::Graph& g, graph::ValueId v, std::string_view op, std::string_view domain = "");
/// Same, and `v` has no other reader and is no result: the producer dies when its reader does.
graph::NodeId sole_producer_of(const graph::Graph& g, graph::ValueId v, std::string_view op,
                               std::string_view domain = "");
bool single_use(const graph::Graph& g, graph::ValueId v);
/// Operand i, kNone when missing.
graph::ValueId operand(const graph::Graph& g, graph::NodeId n, size_t i);
graph::ValueId result(const graph::Graph& g, graph::NodeId n, size_t k = 0);

/// Known rank of a tensor.
std::optional<size_t> rank_of(const graph::Graph& g, graph::ValueId v);
/// Tensors of one element type and the same dims, symbols included.
bool same_type(const graph::Graph& g, graph::ValueId a, graph::ValueId b);
bool has_elem(const graph::Graph& g, graph::ValueId v, DTypeSet types);
/// Row port i takes the element type of v.
bool port_takes(const graph::Graph& g, const graph::OpDef* row, size_t i, graph::ValueId v);

/// Contents of a constant integer tensor (any rank), at most 4096.
std::optional<std::vector<int64_t>> const_ints(const graph::Graph& g, graph::ValueId v);
/// The element of a constant with exactly one element, of any real type.
std::optional<double> const_scalar(const graph::Graph& g, graph::ValueId v);
/// The element that fills a constant of a real type (at most 2^20 elements, bitwise equal).
std::optional<double> const_fill(const graph::Graph& g, graph::ValueId v);
/// |a - b| <= tolerance |b|, where the tolerance follows from the constant's element type.
bool near(const graph::Graph& g, graph::ValueId constant, double value);
/// Elements of a constant float tensor.
std::vector<double> const_doubles(const Value& v);
/// Tensor of a float type from doubles.
Value float_tensor(DType t, std::span<const int64_t> dims, std::span<const double> data);

/// Integers given as an attribute in some versions and as constant operand i in others. `given` false: neither is
/// there (the op's default applies); nullopt: not constant.
struct IntList {
  bool given = false;
  std::vector<int64_t> values;
};
std::optional<IntList> int_list(const graph::Graph& g, graph::NodeId n, std::string_view attr, size_t i);

/// Dropout and BatchNormalization as inference sees them: true when the node does not train.
bool in_inference(const graph::Graph& g, graph::NodeId n);

/// Transpose's permutation (the default reverses); nullopt when neither attribute nor rank tells.
std::optional<std::vector<int64_t>> permutation(const graph::Graph& g, graph::NodeId n);

/// A unary activation with its parameters in the order of the ONNX op's attributes; bounds of Clip are constants.
struct Activation {
  std::string name;
  std::vector<float> params;
};
/// Activation of node n whose operand 0 is the data; nullopt for other ops.
std::optional<Activation> activation_of(const graph::Graph& g, graph::NodeId n);
/// ORT's fused CPU ops know these.
bool ort_fuses(const Activation& a);

}  // namespace tenon::passes
