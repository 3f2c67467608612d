// convert.cc: values of every kind between Python and Tenon.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/dtype.h"
#include "numpy.h"

namespace tenon::bindings {
namespace {

[[noreturn]] void refuse(const std::string& name, const FeedType& type, const std::string& found) {
  fail("input '{}': expected {}, found {}", name, type.text, found);
}

Value map_of(nb::handle object, const FeedType& type, const std::string& name) {
  if (!PyDict_Check(object.ptr())) refuse(name, type, class_of(object));
  const nb::dict dict = nb::borrow<nb::dict>(object);
  FeedType keys;
  keys.dtype = type.dtype;
  keys.text = "tensor(" + std::string(dtype_name(type.dtype)) + ")";
  return Value::map(tensor_of_array(nb::list(dict.keys()), &keys, name + " (keys)"),
                    tensor_of_array(nb::list(dict.values()), type.inner.get(), name + " (values)"));
}

nb::object map_to_dict(const Value& v) {
  const auto listed = [](const Value& t) { return nb::list(array_of(t).attr("tolist")()); };
  const nb::list keys = listed(v.items()[0]), values = listed(v.items()[1]);
  nb::dict out;
  for (size_t i = 0; i < keys.size(); ++i) out[keys[i]] = values[i];
  return out;
}

}  // namespace

namespace {

// The public classes are written in Python and hold the one of this module.
template <class T>
const T* held(nb::handle object, const char* attribute) {
  if (object.is_none() || PyDict_Check(object.ptr()) || PyList_Check(object.ptr()) || object.type().is(numpy().ndarray))
    return nullptr;
  T* out = nullptr;
  if (nb::isinstance<T>(object)) return nb::inst_ptr<T>(object);
  PyObject* inner = PyObject_GetAttrString(object.ptr(), attribute);
  if (!inner) {
    PyErr_Clear();
    return nullptr;
  }
  const nb::object keep = nb::steal(inner);  // the outer object holds it too
  if (nb::isinstance<T>(keep)) out = nb::inst_ptr<T>(keep);
  return out;
}

}  // namespace

const PyOrtValue* held_value(nb::handle object) { return held<PyOrtValue>(object, "_ortvalue"); }
const PySparse* held_sparse(nb::handle object) { return held<PySparse>(object, "_tensor"); }

std::string class_of(nb::handle object) { return nb::cast<std::string>(nb::type_name(object.type())); }

FeedType parse_type(std::string_view text) {
  FeedType t;
  t.text = text;
  const size_t open = text.find('('), close = text.rfind(')');
  if (open == text.npos || close == text.npos || close < open) return t;
  const std::string_view head = text.substr(0, open);
  std::string_view body = text.substr(open + 1, close - open - 1);
  if (head == "tensor" || head == "sparse_tensor") {
    t.kind = head == "tensor" ? ValueKind::kTensor : ValueKind::kSparse;
    t.dtype = dtype_from_name(body);
    return t;
  }
  t.kind = head == "seq" ? ValueKind::kSequence : head == "map" ? ValueKind::kMap : ValueKind::kOptional;
  if (t.kind == ValueKind::kMap) {
    const size_t comma = body.find(',');
    t.dtype = dtype_from_name(body.substr(0, comma));
    body = comma == body.npos ? std::string_view() : body.substr(body.find_first_not_of(' ', comma + 1));
  }
  t.inner = std::make_unique<FeedType>(parse_type(body));
  return t;
}

Value from_python(nb::handle object, const FeedType& type, const std::string& name) {
  if (const PyOrtValue* given = held_value(object)) return given->value;
  switch (type.kind) {
    case ValueKind::kSequence: {
      if (!PyList_Check(object.ptr()) && !PyTuple_Check(object.ptr())) refuse(name, type, class_of(object));
      std::vector<Value> items;
      for (nb::handle item : nb::borrow<nb::sequence>(object)) {
        const std::string place = name + "[" + std::to_string(items.size()) + "]";
        items.push_back(from_python(item, *type.inner, place));
        const Value& v = items.back();
        if (v.is_tensor() && v.dtype() != type.inner->dtype)
          refuse(place, *type.inner, "tensor(" + std::string(dtype_name(v.dtype())) + ")");
      }
      return Value::sequence(std::move(items), type.inner->dtype);
    }
    case ValueKind::kMap:
      return map_of(object, type, name);
    case ValueKind::kOptional:
      if (object.is_none()) return Value::optional({});
      return Value::optional(from_python(object, *type.inner, name));
    case ValueKind::kTensor:
      if (object.is_none()) refuse(name, type, "None");
      return tensor_of_array(object, &type, name);
    case ValueKind::kSparse:
      if (const PySparse* given = held_sparse(object)) return given->value;
      refuse(name, type, class_of(object));
    default:
      fail(ErrorCode::kNotImplemented, "input '{}': feeding {} from Python", name, type.text);
  }
}

nb::object to_python(const Value& v) {
  switch (v.kind()) {
    case ValueKind::kNone:
      return nb::none();
    case ValueKind::kTensor:
      return array_of(v);
    case ValueKind::kMap:
      return map_to_dict(v);
    case ValueKind::kOptional:
      return v.items().empty() ? nb::object(nb::none()) : to_python(v.items()[0]);
    case ValueKind::kSequence: {
      nb::list out;
      for (const Value& item : v.items()) out.append(to_python(item));
      return out;
    }
    case ValueKind::kSparse:
      return nb::module_::import_("tenon.sparse").attr("SparseTensor")(PySparse{v});
    default:
      fail(ErrorCode::kNotImplemented, "an opaque output has no Python form");
  }
}

}  // namespace tenon::bindings
