// Printing, comparison and run-time checks of value types.
#include "base/value_type.h"

#include <algorithm>

namespace tenon {
namespace {

std::string with_dims(const ValueType& t, bool dims, const Symbols* symbols) {
  const auto inner = [&] { return t.inner ? with_dims(*t.inner, dims, symbols) : std::string("undefined"); };
  switch (t.kind) {
    case ValueKind::kSequence:
      return "seq(" + inner() + ")";
    case ValueKind::kOptional:
      return "optional(" + inner() + ")";
    case ValueKind::kMap:
      return "map(" + std::string(dtype_name(t.elem)) + "," + inner() + ")";
    case ValueKind::kOpaque:
      return "opaque";
    case ValueKind::kNone:
      return "none";
    case ValueKind::kTensor:
    case ValueKind::kSparse:
      break;
  }
  std::string s = t.kind == ValueKind::kSparse ? "sparse_tensor(" : "tensor(";
  s += std::string(dtype_name(t.elem)) + ")";
  if (dims && t.has_rank) s += symbols ? symbols->to_string(t.dims) : to_string(std::span<const int64_t>(t.dims));
  return s;
}

}  // namespace

bool ValueType::is_static() const {
  return is_tensor() && elem != DType::kUndefined && has_rank &&
         std::none_of(dims.begin(), dims.end(), [](int64_t d) { return is_symbol(d); });
}

bool ValueType::operator==(const ValueType& o) const {
  if (kind != o.kind || elem != o.elem || layout != o.layout || has_rank != o.has_rank || !(device == o.device))
    return false;
  if (has_rank && !(dims == o.dims)) return false;
  if (!inner || !o.inner) return inner == o.inner;
  return inner == o.inner || *inner == *o.inner;
}

std::string to_string(const ValueType& t, const Symbols* symbols) { return with_dims(t, true, symbols); }
std::string onnx_type_string(const ValueType& t) { return with_dims(t, false, nullptr); }

ValueType type_of(const Value& v) {
  ValueType t;
  switch (v.kind()) {
    case ValueKind::kNone:
      return t;
    case ValueKind::kTensor:
      t = ValueType::tensor(v.dtype(), Dims(v.dims()));
      t.device = v.device();
      return t;
    case ValueKind::kSparse:
      t = ValueType::tensor(v.items().empty() ? v.dtype() : v.items()[0].dtype(), Dims(v.dims()));
      t.kind = ValueKind::kSparse;
      return t;
    case ValueKind::kSequence:
      // Items may have different dims: only the element type is common to all.
      if (v.items().empty()) return ValueType::sequence(ValueType::tensor(v.dtype()));
      t = type_of(v.items()[0]);
      t.has_rank = false;
      t.dims.clear();
      return ValueType::sequence(std::move(t));
    case ValueKind::kMap:
      return ValueType::map(v.items()[0].dtype(), ValueType::tensor(v.items()[1].dtype(), Dims{}));
    case ValueKind::kOptional:
      return ValueType::optional(v.items().empty() ? ValueType() : type_of(v.items()[0]));
    case ValueKind::kOpaque:
      t.kind = ValueKind::kOpaque;
      return t;
  }
  return t;
}

bool admits(const ValueType& t, const Value& v) {
  if (t.kind != v.kind()) return false;
  const auto items_fit = [&] {
    return !t.inner ||
           std::all_of(v.items().begin(), v.items().end(), [&](const Value& x) { return admits(*t.inner, x); });
  };
  switch (t.kind) {
    case ValueKind::kSequence:
    case ValueKind::kOptional:
      return items_fit();
    case ValueKind::kMap:
      return v.items()[0].dtype() == t.elem && (!t.inner || v.items()[1].dtype() == t.inner->elem);
    case ValueKind::kTensor:
    case ValueKind::kSparse: {
      const DType found = t.kind == ValueKind::kSparse && !v.items().empty() ? v.items()[0].dtype() : v.dtype();
      if (t.elem != DType::kUndefined && found != t.elem) return false;
      if (!t.has_rank) return true;
      const auto dims = v.dims();
      return std::equal(t.dims.begin(), t.dims.end(), dims.begin(), dims.end(),
                        [](int64_t want, int64_t have) { return is_symbol(want) || want == have; });
    }
    case ValueKind::kOpaque:
    case ValueKind::kNone:
      return true;
  }
  return false;
}

}  // namespace tenon
