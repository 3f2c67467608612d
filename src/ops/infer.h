// InferContext: what an op's `infer` sees. The loader calls infer with symbolic dims, the executor with concrete ones.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "base/symbols.h"
#include "base/value_type.h"
#include "graph/graph.h"
#include "ops/op.h"

namespace tenon::ops {

/// Supplies what lies outside a node: contents of inputs, bodies of regions.
class InferHost {
 public:
  virtual ~InferHost() = default;
  /// Contents of operand i when they are known (a constant; at run time a computed value, which then becomes part of
  /// the shape signature), else an empty handle.
  virtual Value contents(size_t i) = 0;
  /// Integers of operand i that inference has derived (entries may be symbols), or null.
  virtual const std::vector<int64_t>* derived_ints(size_t i) = 0;
  /// Result types of region k of the node for these formal argument types; false when bodies are not looked at (run
  /// time).
  virtual bool infer_region(size_t k, std::span<const ValueType> args, std::vector<ValueType>* results) = 0;
  /// True when contents(i) would read a value that this run has computed (never at load; false for constants).
  virtual bool is_computed(size_t /*i*/) { return false; }
  /// Type that the graph already has for output j (control flow at run time), or null.
  virtual const ValueType* known_output(size_t /*j*/) { return nullptr; }
};

/// infer reads attributes and input types and sets output types. It never reads tensors except through ints() and
/// contents(), throws kInvalidGraph/kInvalidArgument with a message that states expected and found (the caller adds
/// node and op), and answers with fresh symbols what only a run can tell.
class InferContext {
 public:
  InferContext(const graph::Node& node, std::span<const ValueType* const> inputs, Symbols& symbols, InferHost& host)
      : sym(symbols),
        node_(node),
        inputs_(inputs),
        host_(host),
        outputs_(node.outputs.size()),
        ints_(node.outputs.size()) {}

  // The node.
  const graph::Node& node() const { return node_; }
  const graph::Attrs& attrs() const { return node_.attrs; }
  int since() const { return node_.since_version; }
  size_t num_inputs() const { return inputs_.size(); }
  std::span<const ValueType* const> types() const { return inputs_; }  ///< null where missing
  size_t num_outputs() const { return node_.outputs.size(); }
  bool has_output(size_t j) const { return j < node_.outputs.size() && node_.outputs[j] != graph::kNone; }

  // Inputs.
  bool has_input(size_t i) const { return i < inputs_.size() && inputs_[i] != nullptr; }
  const ValueType& type(size_t i) const;  ///< error when the input is missing
  DType dtype(size_t i) const { return type(i).elem; }
  bool has_rank(size_t i) const { return has_input(i) && type(i).is_tensor() && type(i).has_rank; }
  const Dims& dims(size_t i) const { return type(i).dims; }  ///< only when has_rank(i)
  size_t rank(size_t i) const { return dims(i).size(); }
  /// Integer contents of input i (flattened; entries may be symbols), when known and at most 4096 of them.
  std::optional<std::vector<int64_t>> ints(size_t i);
  /// ints(i) for operands that are data rather than shape (Gather's data, Concat's inputs): never reads what a run has
  /// computed, so that data does not become part of the shape signature.
  std::optional<std::vector<int64_t>> data_ints(size_t i) {
    if (has_input(i) && host_.is_computed(i) && !host_.derived_ints(i)) return std::nullopt;
    return ints(i);
  }
  bool is_computed(size_t i) { return has_input(i) && host_.is_computed(i); }  ///< see InferHost
  /// One integer: ints(i) with exactly one element.
  std::optional<int64_t> scalar_int(size_t i);
  /// Any contents of input i when known; an empty handle otherwise.
  Value contents(size_t i) { return has_input(i) ? host_.contents(i) : Value(); }
  /// Floats of a float/double/f16/bf16 input, when known.
  std::optional<std::vector<double>> floats(size_t i);

  // Outputs. Setting an output that the node does not have is ignored.
  void set(size_t j, DType t, Dims d) { set_type(j, ValueType::tensor(t, std::move(d))); }
  void set_unranked(size_t j, DType t) { set_type(j, ValueType::tensor(t)); }
  void set_type(size_t j, ValueType t) {
    if (j < outputs_.size()) outputs_[j] = std::move(t);
  }
  /// Derived integer contents of output j (flattened, entries may be symbols); makes shape arithmetic visible
  /// downstream.
  void set_ints(size_t j, std::vector<int64_t> v) {
    if (j < ints_.size() && v.size() <= 4096) ints_[j] = std::move(v);
  }
  int64_t fresh() { return sym.fresh(); }  ///< "unknown until run", >= 0

  /// The same node with other operand types: an op that asks another op's infer about operands in its own layout.
  InferContext over(std::span<const ValueType* const> inputs) const { return {node_, inputs, sym, host_}; }

  bool infer_region(size_t k, std::span<const ValueType> args, std::vector<ValueType>* results) {
    return host_.infer_region(k, args, results);
  }
  /// Type that the graph already has for output j, or null: what control flow answers when bodies are not looked at.
  const ValueType* known_output(size_t j) { return host_.known_output(j); }

  const std::optional<ValueType>& result(size_t j) const { return outputs_[j]; }
  const std::optional<std::vector<int64_t>>& result_ints(size_t j) const { return ints_[j]; }

  Symbols& sym;

 private:
  const graph::Node& node_;
  std::span<const ValueType* const> inputs_;
  InferHost& host_;
  std::vector<std::optional<ValueType>> outputs_;
  std::vector<std::optional<std::vector<int64_t>>> ints_;
};

// Rules that many ops share. All throw a clear error when the shapes do not fit.
void infer_same(InferContext& c);       ///< output 0 = type of input 0 (ints passed through)
void infer_broadcast(InferContext& c);  ///< all inputs broadcast; output type = input 0's element type
void infer_compare(InferContext& c);    ///< same, output bool
/// Broadcast of symbolic dims; error text names both shapes.
Dims broadcast_dims(InferContext& c, const Dims& a, const Dims& b);
/// The element type that attribute `name` (a TensorProto.DataType number) asks for; throws when it is not one of
/// `known`. Without the attribute, or where it is 0 (undefined): `otherwise`.
DType dtype_attr(const graph::Attrs& attrs, const char* name, DTypeSet known, DType otherwise);
/// Throws unless the rank of input i is `rank` (does nothing when unknown).
void expect_rank(InferContext& c, size_t i, size_t rank);
/// Throws unless dims a and b can be equal ("what": a phrase for the message).
void expect_equal(InferContext& c, int64_t a, int64_t b, const char* what);
/// The type of input i, which must be a map (or of the items of input i, which must be a sequence); its inner type is
/// known. Throws otherwise.
const ValueType& expect_map(InferContext& c, size_t i);
const ValueType& expect_items(InferContext& c, size_t i);
/// The narrowest type that holds both: dims that differ become fresh symbols, ranks that differ an unknown rank. For
/// the branches of If and the carried values of Loop and Scan: infer the body, widen the carried types by its results,
/// and infer it again with the widened ones where they changed. Throws when kinds or element types differ.
ValueType widen(InferContext& c, const ValueType& a, const ValueType& b);
/// The type that the row promises for result j from the types of the operands: that of an operand of the same type
/// variable, without dims, or the only one that the port has.
std::optional<ValueType> type_by_port(const graph::Node& n, size_t j, std::span<const ValueType* const> operands);
/// True when both are integers and differ: symbols may still turn out equal.
inline bool differ(int64_t a, int64_t b) { return !is_symbol(a) && !is_symbol(b) && a != b; }

}  // namespace tenon::ops
