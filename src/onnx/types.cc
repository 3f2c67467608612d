// Types, nested ones by a loop: sequences, optionals and maps wrap what comes next.
#include "onnx/types.h"

#include "base/error.h"

namespace tenon::onnx {
namespace {

struct TensorTypeView {
  int64_t elem = 0;
  bool has_shape = false;
  std::vector<Bytes> dims;
};

TensorTypeView tensor_type(Decoder& d, Bytes b) {
  TensorTypeView t;
  Reader r = d.reader(b, "TypeProto.Tensor");
  while (r.next()) {
    if (r.field() == 1) {
      t.elem = r.integer("elem_type");
    } else if (r.field() == 2) {
      if (t.has_shape) r.fail("shape", "the field occurs twice");
      t.has_shape = true;
      Reader shape = d.reader(r.bytes("shape"), "TensorShapeProto");
      while (shape.next()) {
        if (shape.field() == 1)
          t.dims.push_back(shape.bytes("dim"));
        else
          shape.skip();
      }
    } else {
      r.skip();
    }
  }
  return t;
}

int64_t dimension(Decoder& d, Bytes b, Symbols& symbols) {
  d.count_object();
  int64_t value = -1;
  std::string_view param;
  Reader r = d.reader(b, "TensorShapeProto.Dimension");
  while (r.next()) {
    switch (r.field()) {
      case 1:
        value = r.integer("dim_value");
        param = {};
        break;
      case 2:
        param = d.name(r, "dim_param");
        value = -1;
        break;
      default:
        r.skip();
    }
  }
  if (!param.empty()) return symbols.named(param);
  return value < 0 ? symbols.fresh() : value;
}

/// One level of a type: what wraps, and the bytes of what is inside.
struct Level {
  ValueKind kind = ValueKind::kNone;
  DType key = DType::kUndefined;
  Bytes inner;
  bool has_inner = false;
};

Level level(Decoder& d, Bytes b) {
  d.count_object();
  Level l;
  Reader r = d.reader(b, "TypeProto");
  while (r.next()) {
    ValueKind kind;
    switch (r.field()) {
      case 1:
        kind = ValueKind::kTensor;
        break;
      case 4:
        kind = ValueKind::kSequence;
        break;
      case 5:
        kind = ValueKind::kMap;
        break;
      case 7:
        kind = ValueKind::kOpaque;
        break;
      case 8:
        kind = ValueKind::kSparse;
        break;
      case 9:
        kind = ValueKind::kOptional;
        break;
      default:
        r.skip();
        continue;
    }
    if (l.kind != ValueKind::kNone) r.fail("value", "a type has two kinds");
    l.kind = kind;
    l.inner = r.bytes("value");
  }
  return l;
}

/// The element of a sequence or optional, the key and value of a map.
void open_wrapper(Decoder& d, Level* l) {
  const bool map = l->kind == ValueKind::kMap;
  Reader r = d.reader(l->inner, map ? "TypeProto.Map" : "TypeProto.Sequence");
  while (r.next()) {
    if (map && r.field() == 1) {
      l->key = import_dtype(r.integer("key_type"), "map key");
    } else if (r.field() == (map ? 2u : 1u)) {
      if (l->has_inner) r.fail("elem_type", "the field occurs twice");
      l->inner = r.bytes("elem_type");
      l->has_inner = true;
    } else {
      r.skip();
    }
  }
  if (map && l->key == DType::kUndefined) fail(ErrorCode::kInvalidGraph, "a map type has no key type");
  if (!l->has_inner) fail(ErrorCode::kInvalidGraph, "a sequence, optional or map type has no element type");
}

}  // namespace

DType import_dtype(int64_t type, std::string_view what) {
  if (type <= 0 || type >= kNumDTypes)
    fail(ErrorCode::kInvalidGraph, "{}: element type {} is not one of TensorProto.DataType", what, type);
  return static_cast<DType>(type);
}

ValueType import_type(Decoder& d, Bytes type, Symbols& symbols) {
  std::vector<Level> wrappers;
  Level l = level(d, type);
  while (l.kind == ValueKind::kSequence || l.kind == ValueKind::kOptional || l.kind == ValueKind::kMap) {
    open_wrapper(d, &l);
    if (static_cast<int64_t>(wrappers.size()) >= d.limits().depth)
      fail_limit("depth", "a type is nested more than {} deep", d.limits().depth);
    wrappers.push_back(l);
    l = level(d, l.inner);
  }
  ValueType t;
  if (l.kind == ValueKind::kOpaque) {
    t.kind = ValueKind::kOpaque;
  } else if (l.kind != ValueKind::kNone) {
    const TensorTypeView v = tensor_type(d, l.inner);
    t.kind = l.kind;
    if (v.elem != 0) t.elem = import_dtype(v.elem, "tensor type");
    t.has_rank = v.has_shape;
    t.dims.resize(v.dims.size());
    for (size_t i = 0; i < v.dims.size(); ++i) t.dims[i] = dimension(d, v.dims[i], symbols);
  }
  for (; !wrappers.empty(); wrappers.pop_back()) {
    const Level& w = wrappers.back();
    t = w.kind == ValueKind::kSequence   ? ValueType::sequence(std::move(t))
        : w.kind == ValueKind::kOptional ? ValueType::optional(std::move(t))
                                         : ValueType::map(w.key, std::move(t));
  }
  return t;
}

std::vector<std::string> import_denotations(Decoder& d, Bytes type) {
  const Level l = level(d, type);
  if (l.kind != ValueKind::kTensor) return {};
  std::vector<std::string> out;
  bool any = false;
  for (Bytes dim : tensor_type(d, l.inner).dims) {
    Reader r = d.reader(dim, "TensorShapeProto.Dimension");
    std::string& denotation = out.emplace_back();
    while (r.next()) {
      if (r.field() == 3)
        denotation = d.name(r, "denotation");
      else
        r.skip();
    }
    any = any || !denotation.empty();
  }
  return any ? out : std::vector<std::string>();
}

}  // namespace tenon::onnx
