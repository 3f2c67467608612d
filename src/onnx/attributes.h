// AttributeProtos of a node → Attrs, checked against the op row; bodies are handed back undecoded.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "onnx/tensors.h"

namespace tenon::onnx {

/// Attribute values that a function call binds its parameters to; an absent name means the attribute is left out.
struct Bindings {
  const graph::Attrs* given = nullptr;     ///< of the call
  const graph::Attrs* defaults = nullptr;  ///< of the function
  const graph::AttrValue* find(std::string_view name) const;
};

class AttributeImporter {
 public:
  AttributeImporter(Decoder& d, TensorImporter& tensors, Symbols& symbols)
      : d_(d), tensors_(tensors), symbols_(symbols) {}

  struct Body {
    std::string name;
    Bytes graph_bytes;
  };
  /// Attributes of a node whose row is `def` (null: a call, which takes any). `bindings` is null outside functions.
  /// Errors: unknown, repeated, missing and mistyped attributes, references outside functions.
  void node_attributes(const std::vector<Bytes>& encoded, const graph::OpDef* def, const Bindings* bindings,
                       graph::Attrs* out, std::vector<Body>* bodies);
  /// One attribute that is no body and no reference (defaults of functions).
  graph::Attr plain(Bytes encoded);

 private:
  graph::AttrValue value(const AttrView& a);
  void check_fields(const AttrView& a) const;

  Decoder& d_;
  TensorImporter& tensors_;
  Symbols& symbols_;
  AttrView view_;
};

}  // namespace tenon::onnx
