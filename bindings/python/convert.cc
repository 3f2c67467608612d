// convert.cc: values between Python and Tenon. Arrays are borrowed both ways; strings and 4-bit types are copied.
#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/dtype.h"
#include "binding.h"

namespace tenon::bindings {
namespace {

struct NumpyName {
  DType dtype;
  const char* name;     ///< of the numpy or ml_dtypes type
  const char* storage;  ///< plain numpy type of the same size, for types that numpy itself does not know
};
constexpr NumpyName kNames[] = {
    {DType::kFloat, "float32", nullptr},
    {DType::kUint8, "uint8", nullptr},
    {DType::kInt8, "int8", nullptr},
    {DType::kUint16, "uint16", nullptr},
    {DType::kInt16, "int16", nullptr},
    {DType::kInt32, "int32", nullptr},
    {DType::kInt64, "int64", nullptr},
    {DType::kBool, "bool", nullptr},
    {DType::kFloat16, "float16", nullptr},
    {DType::kDouble, "float64", nullptr},
    {DType::kUint32, "uint32", nullptr},
    {DType::kUint64, "uint64", nullptr},
    {DType::kComplex64, "complex64", nullptr},
    {DType::kComplex128, "complex128", nullptr},
    {DType::kBFloat16, "bfloat16", "uint16"},
    {DType::kFloat8E4M3FN, "float8_e4m3fn", "uint8"},
    {DType::kFloat8E4M3FNUZ, "float8_e4m3fnuz", "uint8"},
    {DType::kFloat8E5M2, "float8_e5m2", "uint8"},
    {DType::kFloat8E5M2FNUZ, "float8_e5m2fnuz", "uint8"},
    {DType::kUint4, "uint4", "uint8"},
    {DType::kInt4, "int4", "uint8"},
    {DType::kFloat4E2M1, "float4_e2m1fn", "uint8"},
    {DType::kFloat8E8M0, "float8_e8m0fnu", "uint8"},
    {DType::kUint2, "uint2", "uint8"},
    {DType::kInt2, "int2", "uint8"},
    {DType::kFloat6E2M3, "float6_e2m3fn", "uint8"},
    {DType::kFloat6E3M2, "float6_e3m2fn", "uint8"},
};

const NumpyName* find_name(DType t) {
  for (const NumpyName& n : kNames)
    if (n.dtype == t) return &n;
  return nullptr;
}

// numpy's objects, looked up once. Never destroyed: values may outlive the interpreter's shutdown of this module.
struct Numpy {
  nb::object ndarray, dtype, empty, object_dtype;
  nb::object of[kNumDTypes];                       ///< dtype objects; ml_dtypes' ones appear when first needed
  std::unordered_map<PyObject*, DType> by_object;  ///< native dtype objects, compared by identity
  nb::object as_array;                             ///< tenon.feeds.as_array

  Numpy() {
    const nb::object np = nb::module_::import_("numpy");
    ndarray = np.attr("ndarray");
    dtype = np.attr("dtype");
    empty = np.attr("empty");
    object_dtype = dtype("O");
    as_array = nb::module_::import_("tenon.feeds").attr("as_array");
    for (const NumpyName& n : kNames)
      if (!n.storage) remember(n.dtype, dtype(n.name));
    for (const char* code : {"l", "q", "L", "Q", "i", "I"}) {  // C types of equal size are distinct dtype objects
      const nb::object d = dtype(code);
      by_object.emplace(d.inc_ref().ptr(), by_size(nb::cast<int>(d.attr("itemsize")), code[0] >= 'a'));
    }
  }

  static DType by_size(int bytes, bool is_signed) {
    return bytes == 8 ? (is_signed ? DType::kInt64 : DType::kUint64) : (is_signed ? DType::kInt32 : DType::kUint32);
  }
  void remember(DType t, nb::object d) {
    by_object.emplace(d.ptr(), t);
    of[static_cast<int>(t)] = std::move(d);
  }
  /// dtype object for `t`; null when `t` needs ml_dtypes and that is not installed (or too old).
  nb::handle object_of(DType t) {
    nb::object& slot = of[static_cast<int>(t)];
    if (slot.is_valid()) return slot;
    const NumpyName* n = find_name(t);
    if (!n) return {};
    try {
      remember(t, dtype(nb::module_::import_("ml_dtypes").attr(n->name)));
    } catch (nb::python_error& e) {
      if (!e.matches(PyExc_ImportError) && !e.matches(PyExc_AttributeError)) throw;
      return {};
    }
    return of[static_cast<int>(t)];
  }
  /// Element type of a dtype object in native byte order; kUndefined for all others.
  DType type_of(nb::handle d) {
    if (const auto it = by_object.find(d.ptr()); it != by_object.end()) return it->second;
    if (!nb::cast<bool>(d.attr("isnative"))) return DType::kUndefined;
    const std::string name = nb::cast<std::string>(d.attr("name"));
    for (const NumpyName& n : kNames)
      if (n.storage && name == n.name && object_of(n.dtype).is(d)) return n.dtype;
    return DType::kUndefined;
  }
};

Numpy& numpy() {
  static Numpy* const n = new Numpy;
  return *n;
}

[[noreturn]] void refuse(const std::string& name, const FeedType& type, const std::string& found) {
  fail("input '{}': expected {}, found {}", name, type.text, found);
}

// ---- Python to Value ----

void release_buffer(Py_buffer* view) {
  if (Py_IsInitialized()) {
    const nb::gil_scoped_acquire gil;
    PyBuffer_Release(view);
    delete view;
  }
}

// Only for the types that numpy exports through the buffer protocol.
Value borrow_buffer(nb::handle array, DType t) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(array.ptr(), view.get(), PyBUF_STRIDES) != 0) throw nb::python_error();
  const size_t alignment = std::min<size_t>(dtype_size(t), 8);
  if (!PyBuffer_IsContiguous(view.get(), 'C') || reinterpret_cast<uintptr_t>(view->buf) % alignment != 0) {
    PyBuffer_Release(view.get());
    return borrow_buffer(array.attr("copy")("C"), t);
  }
  int64_t dims[64];  // numpy allows 64 dimensions
  std::copy_n(view->shape, view->ndim, dims);
  Py_buffer* const raw = view.release();
  try {
    return Value::borrow(t, std::span(dims, static_cast<size_t>(raw->ndim)), raw->buf, [raw] { release_buffer(raw); });
  } catch (...) {
    release_buffer(raw);
    throw;
  }
}

// ml_dtypes keeps one element per byte; ONNX packs them, low bits first.
Value pack(const Value& wide, DType t) {
  Value out = Value::tensor(t, wide.dims());
  const int bits = dtype_bits(t), per_byte = 8 / bits, mask = (1 << bits) - 1;
  auto* to = static_cast<uint8_t*>(out.mutable_data());
  const auto from = wide.as<uint8_t>();
  std::fill_n(to, out.bytes(), uint8_t{0});
  for (size_t i = 0; i < from.size(); ++i)
    to[i / per_byte] |= static_cast<uint8_t>((from[i] & mask) << (i % per_byte * bits));
  return out;
}

std::string to_utf8(nb::handle item, const std::string& name, size_t index) {
  if (PyBytes_Check(item.ptr()))
    return {PyBytes_AS_STRING(item.ptr()), static_cast<size_t>(PyBytes_GET_SIZE(item.ptr()))};
  if (!PyUnicode_Check(item.ptr()))
    fail("input '{}': expected str or bytes in every place, found {} at flat index {}", name, class_of(item), index);
  Py_ssize_t size = 0;
  if (const char* text = PyUnicode_AsUTF8AndSize(item.ptr(), &size)) return {text, static_cast<size_t>(size)};
  PyErr_Clear();  // lone surrogates: bytes that an output could not decode
  const nb::object bytes = nb::steal(PyUnicode_AsEncodedString(item.ptr(), "utf-8", "surrogateescape"));
  if (!bytes.is_valid()) throw nb::python_error();
  return to_utf8(bytes, name, index);
}

Value strings_of(nb::handle array, const std::string& name) {
  const nb::list items(array.attr("ravel")().attr("tolist")());
  std::vector<std::string> out;
  out.reserve(items.size());
  for (nb::handle item : items) out.push_back(to_utf8(item, name, out.size()));
  std::vector<int64_t> dims;
  for (nb::handle d : nb::tuple(array.attr("shape"))) dims.push_back(nb::cast<int64_t>(d));
  return Value::strings(dims, std::move(out));
}

Value tensor_of(nb::handle object, const FeedType& type, const std::string& name) {
  Numpy& np = numpy();
  nb::object array = nb::borrow(object);
  DType t = DType::kUndefined;
  if (object.type().is(np.ndarray)) t = np.type_of(object.attr("dtype"));
  if (t == DType::kUndefined) {  // lists, scalars, other byte orders, subclasses, strings, what numpy can convert
    const nb::handle want = np.object_of(type.dtype);
    array = np.as_array(object, want.is_valid() ? want : nb::handle(Py_None), type.text, name);
    const nb::object d = array.attr("dtype");
    const std::string kind = nb::cast<std::string>(d.attr("kind"));
    if (kind == "O" || kind == "U" || kind == "S") return strings_of(array, name);
    t = np.type_of(d);
    if (t == DType::kUndefined) refuse(name, type, "numpy type " + nb::cast<std::string>(nb::str(d)));
  }
  const NumpyName* known = find_name(t);
  if (!known->storage) return borrow_buffer(array, t);
  const nb::object bytes = array.attr("view")(known->storage);
  return is_packed(t) ? pack(borrow_buffer(bytes, DType::kUint8), t) : borrow_buffer(bytes, t);
}

Value map_of(nb::handle object, const FeedType& type, const std::string& name) {
  if (!PyDict_Check(object.ptr())) refuse(name, type, class_of(object));
  const nb::dict dict = nb::borrow<nb::dict>(object);
  FeedType keys;
  keys.dtype = type.dtype;
  keys.text = "tensor(" + std::string(dtype_name(type.dtype)) + ")";
  return Value::map(tensor_of(nb::list(dict.keys()), keys, name + " (keys)"),
                    tensor_of(nb::list(dict.values()), *type.inner, name + " (values)"));
}

// ---- Value to Python ----

// A C++ owner of an output's bytes, seen by numpy through the buffer protocol.
struct Storage {
  Value value;
};

int storage_get_buffer(PyObject* self, Py_buffer* view, int flags) {
  Value& v = nb::inst_ptr<Storage>(self)->value;
  return PyBuffer_FillInfo(view, self, v.mutable_data(), static_cast<Py_ssize_t>(v.bytes()), 0, flags);
}

nb::object unpack(const Value& v) {
  const nb::object bytes = nb::steal(PyByteArray_FromStringAndSize(nullptr, v.count()));
  if (!bytes.is_valid()) throw nb::python_error();
  auto* to = reinterpret_cast<uint8_t*>(PyByteArray_AS_STRING(bytes.ptr()));
  const auto* from = static_cast<const uint8_t*>(v.data());
  const int bits = dtype_bits(v.dtype()), per_byte = 8 / bits, mask = (1 << bits) - 1;
  for (int64_t i = 0; i < v.count(); ++i)
    to[i] = static_cast<uint8_t>((from[i / per_byte] >> (i % per_byte * bits)) & mask);
  return bytes;
}

nb::object shape_of(const Value& v) {
  const auto dims = v.dims();
  nb::object tuple = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(dims.size())));
  for (size_t i = 0; i < dims.size(); ++i)
    PyTuple_SET_ITEM(tuple.ptr(), static_cast<Py_ssize_t>(i), PyLong_FromLongLong(dims[i]));
  return tuple;
}

nb::object text_of(const std::string& s) {
  PyObject* o = PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "surrogateescape");
  if (!o) throw nb::python_error();
  return nb::steal(o);
}

nb::object array_of(const Value& v) {
  Numpy& np = numpy();
  const nb::object shape = shape_of(v);
  if (v.dtype() == DType::kString) {
    nb::object array = np.empty(shape, np.object_dtype);
    const nb::object flat = array.attr("ravel")();  // a view: fresh arrays are contiguous
    int64_t i = 0;
    for (const std::string& s : v.string_data()) flat[nb::int_(i++)] = text_of(s);
    return array;
  }
  const NumpyName* known = find_name(v.dtype());
  if (!known) fail("an output of element type {} has no numpy type", dtype_name(v.dtype()));
  nb::handle dtype = np.object_of(v.dtype());
  nb::object plain;
  if (!dtype.is_valid()) dtype = plain = np.dtype(known->storage);  // without ml_dtypes: the bits
  const nb::object owner = is_packed(v.dtype()) ? unpack(v) : nb::cast(Storage{v});
  return np.ndarray(shape, dtype, owner);
}

nb::object map_to_dict(const Value& v) {
  const auto listed = [](const Value& t) { return nb::list(array_of(t).attr("tolist")()); };
  const nb::list keys = listed(v.items()[0]), values = listed(v.items()[1]);
  nb::dict out;
  for (size_t i = 0; i < keys.size(); ++i) out[keys[i]] = values[i];
  return out;
}

}  // namespace

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
      return tensor_of(object, type, name);
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
    default:
      fail(ErrorCode::kNotImplemented, "a sparse or opaque output has no Python form");
  }
}

void bind_values(nb::module_& m) {
  static PyType_Slot slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(storage_get_buffer)}, {0, nullptr}};
  nb::class_<Storage>(m, "Storage", nb::type_slots(slots), "Owner of the bytes of an output; the array's `base`.");
}

}  // namespace tenon::bindings
