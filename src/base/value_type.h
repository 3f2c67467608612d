// ValueType: the static type of a value in a graph.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "base/dtype.h"
#include "base/shape.h"
#include "base/symbols.h"
#include "tenon/value.h"

namespace tenon {

/// How logical dims map to bytes. Dims of a type are always logical (NCHW order); only ops that declare it accept
/// others.
enum class Layout : uint8_t { kPlain, kNhwc, kNchw8c, kNchw16c };

/// {kind, element type, logical dims (rank may be unknown), layout, device}. Dims may hold symbols.
/// Sequence and optional: `inner` is the element's type. Map: `elem` is the key type, `inner` the value's type.
struct ValueType {
  ValueKind kind = ValueKind::kTensor;
  DType elem = DType::kUndefined;
  Layout layout = Layout::kPlain;
  bool has_rank = false;
  Dims dims;
  Device device;
  std::shared_ptr<const ValueType> inner;

  static ValueType tensor(DType t) {
    ValueType v;
    v.elem = t;
    return v;
  }
  static ValueType tensor(DType t, Dims d) {
    ValueType v;
    v.elem = t;
    v.has_rank = true;
    v.dims = std::move(d);
    return v;
  }
  static ValueType sequence(ValueType item) { return wrap(ValueKind::kSequence, std::move(item)); }
  static ValueType optional(ValueType item) { return wrap(ValueKind::kOptional, std::move(item)); }
  static ValueType map(DType key, ValueType value) {
    ValueType v = wrap(ValueKind::kMap, std::move(value));
    v.elem = key;
    return v;
  }

  bool is_tensor() const { return kind == ValueKind::kTensor; }
  /// Known completely: a tensor with element type and only integer dims.
  bool is_static() const;
  bool operator==(const ValueType& o) const;

 private:
  static ValueType wrap(ValueKind k, ValueType item) {
    ValueType v;
    v.kind = k;
    v.inner = std::make_shared<const ValueType>(std::move(item));
    return v;
  }
};

/// "tensor(float)[batch,3]", "seq(tensor(int64))"; symbols by name when a table is given.
std::string to_string(const ValueType& t, const Symbols* symbols = nullptr);
/// The form of ORT's NodeArg.type, without dims: "tensor(float)", "seq(map(int64,tensor(float)))", "optional(...)".
std::string onnx_type_string(const ValueType& t);
/// Static type of a run-time value; an undefined tensor type for an empty handle.
ValueType type_of(const Value& v);
/// True when a run-time value can have this type (ranks and integer dims agree, symbols match anything).
bool admits(const ValueType& t, const Value& v);

}  // namespace tenon
