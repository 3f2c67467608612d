// Declared types as NodeArgs; feed checks.
#include "session/signature.h"

#include "base/error.h"

namespace tenon::session {

NodeArg node_arg(const graph::Graph& g, const std::string& name, const ValueType& t) {
  NodeArg a;
  a.name = name;
  a.type = onnx_type_string(t);
  a.kind = t.kind;
  const ValueType* inner = &t;
  while (!inner->is_tensor() && inner->inner) inner = inner->inner.get();
  a.dtype = inner->elem;
  if (t.is_tensor() && t.has_rank) {
    a.shape.emplace();
    for (int64_t d : t.dims) {
      DimInfo info;
      if (!is_symbol(d))
        info.value = d;
      else if (g.symbols().is_unknown(d) && !g.symbols().is_fresh(d))
        info.symbol = g.symbols().to_string(d);
      a.shape->push_back(std::move(info));
    }
  }
  return a;
}

ModelMetadata metadata_of(const graph::Graph& g) {
  ModelMetadata m;
  m.producer_name = g.info.producer_name;
  m.graph_name = g.name;
  m.domain = g.info.domain;
  m.description = g.info.doc_string;
  m.graph_description = g.info.graph_doc;
  m.version = g.info.model_version;
  for (const auto& [k, v] : g.info.metadata) m.custom_metadata_map[k] = v;
  return m;
}

namespace {

// "[?,2]": any size is good where a symbol stands.
std::string expected_shape(const Dims& dims) {
  std::string s = "[";
  for (size_t i = 0; i < dims.size(); ++i)
    s += (i ? "," : "") + (is_symbol(dims[i]) ? std::string("?") : std::to_string(dims[i]));
  return s + "]";
}

[[noreturn]] void fail_dims(const std::string& name, const ValueType& t, const Value& v) {
  std::string at;
  if (v.dims().size() == t.dims.size())
    for (size_t i = 0; i < t.dims.size(); ++i)
      if (!is_symbol(t.dims[i]) && t.dims[i] != v.dims()[i])
        at += fmt::format("{} index {}: got {}, expected {}", at.empty() ? " at" : ",", i, v.dims()[i], t.dims[i]);
  fail("Got invalid dimensions for input: {}: shape {} found, expected {} (rank {}, found rank {}){}", name,
       to_string(v.dims()), expected_shape(t.dims), t.dims.size(), v.dims().size(), at);
}

}  // namespace

void check_feed(const std::string& name, const ValueType& t, const Value& v) {
  if (!v) {
    if (t.kind == ValueKind::kOptional) return;
    fail("input {}: no value found, expected {}", name, onnx_type_string(t));
  }
  if (t.kind == ValueKind::kOptional && v.kind() != ValueKind::kOptional) {
    if (t.inner) check_feed(name, *t.inner, v);
    return;
  }
  if (t.kind != v.kind())
    fail("input {}: a {} found, expected {}", name,
         v.is_tensor()                      ? "tensor"
         : v.kind() == ValueKind::kSequence ? "sequence"
                                            : "value of another kind",
         onnx_type_string(t));
  if (t.kind == ValueKind::kMap && t.inner) {
    if (v.items()[0].dtype() != t.elem || (t.inner->elem != DType::kUndefined && v.items()[1].dtype() != t.inner->elem))
      fail("input {}: a map of {} to {} found, expected {}", name, dtype_name(v.items()[0].dtype()),
           dtype_name(v.items()[1].dtype()), onnx_type_string(t));
    return;
  }
  if (!t.is_tensor()) {
    if (t.inner)
      for (const Value& item : v.items()) check_feed(name, *t.inner, item);
    return;
  }
  if (t.elem != DType::kUndefined && t.elem != v.dtype())
    fail("Unexpected input data type for input {}. Actual: (tensor({})) , expected: (tensor({}))", name,
         dtype_name(v.dtype()), dtype_name(t.elem));
  if (!t.has_rank) return;
  if (t.dims.size() != v.dims().size()) fail_dims(name, t, v);
  for (size_t i = 0; i < t.dims.size(); ++i)
    if (!is_symbol(t.dims[i]) && t.dims[i] != v.dims()[i]) fail_dims(name, t, v);
}

}  // namespace tenon::session
