// Attributes: one value of the announced type, known to the op row, of the row's kind.
#include "onnx/attributes.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "onnx/types.h"

namespace tenon::onnx {
namespace {

using graph::AttrDef;
using graph::AttrKind;
using graph::AttrValue;

AttrType type_of(AttrKind k) {
  switch (k) {
    case AttrKind::kInt:
      return AttrType::kInt;
    case AttrKind::kFloat:
      return AttrType::kFloat;
    case AttrKind::kString:
      return AttrType::kString;
    case AttrKind::kTensor:
      return AttrType::kTensor;
    case AttrKind::kGraph:
      return AttrType::kGraph;
    case AttrKind::kType:
      return AttrType::kTypeProto;
    case AttrKind::kSparse:
      return AttrType::kSparse;
    case AttrKind::kInts:
      return AttrType::kInts;
    case AttrKind::kFloats:
      return AttrType::kFloats;
    case AttrKind::kStrings:
      return AttrType::kStrings;
    case AttrKind::kTensors:
      return AttrType::kTensors;
  }
  return AttrType::kUndefined;
}

/// The attribute type of an imported value. An empty Value list may come from tensors or sparse tensors alike.
AttrType type_of(const AttrValue& v) {
  static constexpr AttrType kTypes[] = {
      AttrType::kInt,  AttrType::kFloat,  AttrType::kString,  AttrType::kTensor,  AttrType::kTypeProto,
      AttrType::kInts, AttrType::kFloats, AttrType::kStrings, AttrType::kTensors, AttrType::kTypeProtos};
  static_assert(std::size(kTypes) == std::variant_size_v<AttrValue>);
  if (const auto* t = std::get_if<Value>(&v); t && t->kind() == ValueKind::kSparse) return AttrType::kSparse;
  return kTypes[v.index()];
}

const AttrDef* find_def(const graph::OpDef& op, std::string_view name) {
  const auto it = std::find_if(op.attrs.begin(), op.attrs.end(), [&](const AttrDef& a) { return a.name == name; });
  return it == op.attrs.end() ? nullptr : &*it;
}

[[noreturn]] void fail_unknown(const graph::OpDef& op, std::string_view name) {
  std::vector<std::string_view> known;
  for (const AttrDef& a : op.attrs) known.emplace_back(a.name);
  const std::string_view near = nearest_name(name, known);
  fail(ErrorCode::kInvalidGraph, "attribute {} is not one of {} version {}{}", quote_name(name), op.name, op.since,
       near.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", near));
}

void check_kind(const graph::OpDef& op, std::string_view name, AttrType found) {
  const AttrDef* def = find_def(op, name);
  if (!def) fail_unknown(op, name);
  if (type_of(def->kind) != found)
    fail(ErrorCode::kInvalidGraph, "attribute {} is {}, expected {}", quote_name(name), attr_type_name(found),
         attr_type_name(type_of(def->kind)));
}

}  // namespace

const AttrValue* Bindings::find(std::string_view name) const {
  if (const AttrValue* v = given->find(name)) return v;
  return defaults->find(name);
}

void AttributeImporter::check_fields(const AttrView& a) const {
  if (a.name.empty()) fail(ErrorCode::kInvalidGraph, "an attribute has no name");
  const char* type = attr_type_name(a.type);
  if (!type || a.type == AttrType::kUndefined)
    fail(ErrorCode::kInvalidGraph, "attribute {} has no valid type ({})", quote_name(a.name),
         static_cast<int64_t>(a.type));
  const uint32_t own = uint32_t{1} << static_cast<int>(a.type);
  if (!a.reference.empty() && a.present)
    fail(ErrorCode::kInvalidGraph, "attribute {} has a value and refers to {} as well", quote_name(a.name),
         quote_name(a.reference));
  if (a.present & ~own)
    fail(ErrorCode::kInvalidGraph, "attribute {} has type {}, but holds a value of another type", quote_name(a.name),
         type);
  const bool message = a.type == AttrType::kTensor || a.type == AttrType::kGraph || a.type == AttrType::kSparse ||
                       a.type == AttrType::kTypeProto;
  if (message && !a.present && a.reference.empty())
    fail(ErrorCode::kInvalidGraph, "attribute {} has type {}, but no value", quote_name(a.name), type);
}

AttrValue AttributeImporter::value(const AttrView& a) {
  switch (a.type) {
    case AttrType::kFloat:
      return a.present ? a.f : 0.f;
    case AttrType::kInt:
      return a.present ? a.i : int64_t{0};
    case AttrType::kString:
      return std::string(a.s);
    case AttrType::kTensor:
      return tensors_.tensor(a.single);
    case AttrType::kSparse:
      return tensors_.sparse(a.single);
    case AttrType::kTypeProto:
      return import_type(d_, a.single, symbols_);
    case AttrType::kFloats:
      return a.floats;
    case AttrType::kInts:
      return a.ints;
    case AttrType::kStrings:
      return std::vector<std::string>(a.many.begin(), a.many.end());
    case AttrType::kTensors: {
      std::vector<Value> list;
      for (Bytes b : a.many) list.push_back(tensors_.tensor(b));
      return list;
    }
    case AttrType::kSparses: {
      std::vector<Value> list;
      for (Bytes b : a.many) list.push_back(tensors_.sparse(b));
      return list;
    }
    case AttrType::kTypeProtos: {
      std::vector<ValueType> list;
      for (Bytes b : a.many) list.push_back(import_type(d_, b, symbols_));
      return list;
    }
    default:
      fail(ErrorCode::kNotImplemented, "attribute {} of type {}", quote_name(a.name), attr_type_name(a.type));
  }
}

graph::Attr AttributeImporter::plain(Bytes encoded) {
  d_.attribute(encoded, &view_);
  check_fields(view_);
  if (!view_.reference.empty())
    fail(ErrorCode::kInvalidGraph, "attribute {} refers to {}, expected a value", quote_name(view_.name),
         quote_name(view_.reference));
  return {std::string(view_.name), value(view_)};
}

void AttributeImporter::node_attributes(const std::vector<Bytes>& encoded, const graph::OpDef* def,
                                        const Bindings* bindings, graph::Attrs* out, std::vector<Body>* bodies) {
  for (Bytes b : encoded) {
    d_.attribute(b, &view_);
    const AttrView& a = view_;
    check_fields(a);
    const bool body_twice =
        std::any_of(bodies->begin(), bodies->end(), [&](const Body& x) { return x.name == a.name; });
    if (body_twice || out->has(a.name)) fail(ErrorCode::kInvalidGraph, "attribute {} occurs twice", quote_name(a.name));
    if (def) check_kind(*def, a.name, a.type);
    if (!a.reference.empty()) {
      if (!bindings)
        fail(ErrorCode::kInvalidGraph, "attribute {} refers to {}, but this is not the body of a function",
             quote_name(a.name), quote_name(a.reference));
      const AttrValue* v = bindings->find(a.reference);
      if (!v) continue;
      if (type_of(*v) != a.type)
        fail(ErrorCode::kInvalidGraph, "attribute {} of the call is {}, expected {}", quote_name(a.reference),
             attr_type_name(type_of(*v)), attr_type_name(a.type));
      out->set(std::string(a.name), *v);
    } else if (a.type == AttrType::kGraph) {
      if (!def)
        fail(ErrorCode::kNotImplemented, "attribute {}: graphs as attributes of function calls", quote_name(a.name));
      bodies->push_back({std::string(a.name), a.single});
    } else {
      out->set(std::string(a.name), value(a));
    }
  }
  if (!def) return;
  for (const AttrDef& a : def->attrs) {
    if (!a.required || out->has(a.name)) continue;
    if (std::none_of(bodies->begin(), bodies->end(), [&](const Body& x) { return x.name == a.name; }))
      fail(ErrorCode::kInvalidGraph, "required attribute \"{}\" is missing", a.name);
  }
}

}  // namespace tenon::onnx
