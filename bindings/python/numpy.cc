// numpy.cc: element types and bytes of numpy arrays. Numbers are borrowed both ways; strings and packed types are
// copied.
#include "numpy.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "lifetime.h"

namespace tenon::bindings {
namespace {

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

DType by_size(int bytes, bool is_signed) {
  return bytes == 8 ? (is_signed ? DType::kInt64 : DType::kUint64) : (is_signed ? DType::kInt32 : DType::kUint32);
}

}  // namespace

const NumpyName* find_name(DType t) {
  for (const NumpyName& n : kNames)
    if (n.dtype == t) return &n;
  return nullptr;
}

Numpy::Numpy() {
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

void Numpy::remember(DType t, nb::object d) {
  by_object.emplace(d.ptr(), t);
  of[static_cast<int>(t)] = std::move(d);
}

nb::handle Numpy::object_of(DType t) {
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

DType Numpy::type_of(nb::handle d) {
  if (const auto it = by_object.find(d.ptr()); it != by_object.end()) return it->second;
  if (!nb::cast<bool>(d.attr("isnative"))) return DType::kUndefined;
  const std::string name = nb::cast<std::string>(d.attr("name"));
  for (const NumpyName& n : kNames)
    if (n.storage && name == n.name && object_of(n.dtype).is(d)) return n.dtype;
  return DType::kUndefined;
}

Numpy& numpy() {
  static constinit MadeOnce<Numpy> once;
  return once.get();
}

DType element_type(nb::handle given, const std::string& what) {
  if (PyLong_Check(given.ptr())) {
    const long n = PyLong_AsLong(given.ptr());
    if (n == -1 && PyErr_Occurred()) throw nb::python_error();
    if (n <= 0 || n >= kNumDTypes)
      fail("{}: expected an element type of ONNX (1 to {}) or of numpy, found {}", what, kNumDTypes - 1, n);
    return static_cast<DType>(n);
  }
  Numpy& np = numpy();
  nb::object d;
  try {
    d = np.dtype(given);
  } catch (nb::python_error&) {
    fail("{}: expected an element type of ONNX or of numpy, found {}", what, nb::cast<std::string>(nb::repr(given)));
  }
  const std::string kind = nb::cast<std::string>(d.attr("kind"));
  if (kind == "U" || kind == "S" || kind == "O" || kind == "T") return DType::kString;
  DType t = np.type_of(d);
  if (t == DType::kUndefined && kind != "V") t = np.type_of(np.dtype(d.attr("type")));  // other byte orders, metadata
  if (t == DType::kUndefined)
    fail("{}: numpy type {} has no counterpart in ONNX", what, nb::cast<std::string>(nb::str(d)));
  return t;
}

namespace {

void release_buffer(Py_buffer* view) {
  if (interpreter_is_gone()) return;
  const nb::gil_scoped_acquire gil;
  PyBuffer_Release(view);
  delete view;
}

}  // namespace

Value borrow_buffer(nb::handle array, DType t, bool* readonly) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(array.ptr(), view.get(), PyBUF_STRIDES) != 0) throw nb::python_error();
  const size_t alignment = std::min<size_t>(dtype_size(t), 8);
  if (!PyBuffer_IsContiguous(view.get(), 'C') || reinterpret_cast<uintptr_t>(view->buf) % alignment != 0) {
    PyBuffer_Release(view.get());
    return borrow_buffer(array.attr("copy")("C"), t, readonly);
  }
  int64_t dims[64];  // numpy allows 64 dimensions
  std::copy_n(view->shape, view->ndim, dims);
  if (readonly) *readonly = view->readonly != 0;
  Py_buffer* const raw = view.release();
  try {
    return Value::borrow(t, std::span(dims, static_cast<size_t>(raw->ndim)), raw->buf, [raw] { release_buffer(raw); });
  } catch (...) {
    release_buffer(raw);
    throw;
  }
}

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

namespace {

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

}  // namespace

Value strings_of(nb::handle array, const std::string& name) {
  const nb::list items(array.attr("ravel")().attr("tolist")());
  std::vector<std::string> out;
  out.reserve(items.size());
  for (nb::handle item : items) out.push_back(to_utf8(item, name, out.size()));
  std::vector<int64_t> dims;
  for (nb::handle d : nb::tuple(array.attr("shape"))) dims.push_back(nb::cast<int64_t>(d));
  return Value::strings(dims, std::move(out));
}

Value tensor_of_array(nb::handle given, const FeedType* type, const std::string& name, bool* readonly) {
  Numpy& np = numpy();
  nb::object array = nb::borrow(given);
  if (readonly) *readonly = false;
  DType t = given.type().is(np.ndarray) ? np.type_of(given.attr("dtype")) : DType::kUndefined;
  if (t == DType::kUndefined) {  // lists, scalars, other byte orders, subclasses, strings, what numpy can convert
    const nb::handle want = type ? np.object_of(type->dtype) : nb::handle();
    array = np.as_array(given, want.is_valid() ? want : nb::handle(Py_None),
                        type ? type->text : std::string("an array"), name);
    const nb::object d = array.attr("dtype");
    const std::string kind = nb::cast<std::string>(d.attr("kind"));
    if (kind == "O" || kind == "U" || kind == "S") return strings_of(array, name);
    t = np.type_of(d);
    if (t == DType::kUndefined)
      fail("input '{}': expected {}, found numpy type {}", name, type ? type->text : "a type that ONNX has",
           nb::cast<std::string>(nb::str(d)));
  }
  const NumpyName* known = find_name(t);
  if (!known->storage) return borrow_buffer(array, t, readonly);
  const nb::object bytes = array.attr("view")(known->storage);
  return is_packed(t) ? pack(borrow_buffer(bytes, DType::kUint8), t) : borrow_buffer(bytes, t, readonly);
}

namespace {

// A C++ owner of an output's bytes, seen by numpy through the buffer protocol.
struct Storage {
  Value value;
  bool readonly;
};

int storage_get_buffer(PyObject* self, Py_buffer* view, int flags) {
  Storage& s = *nb::inst_ptr<Storage>(self);
  return PyBuffer_FillInfo(view, self, s.value.mutable_data(), static_cast<Py_ssize_t>(s.value.bytes()), s.readonly,
                           flags);
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

}  // namespace

nb::object shape_of(const Value& v) {
  const auto dims = v.dims();
  nb::object tuple = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(dims.size())));
  for (size_t i = 0; i < dims.size(); ++i)
    PyTuple_SET_ITEM(tuple.ptr(), static_cast<Py_ssize_t>(i), PyLong_FromLongLong(dims[i]));
  return tuple;
}

namespace {

nb::object text_of(const std::string& s) {
  PyObject* o = PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "surrogateescape");
  if (!o) throw nb::python_error();
  return nb::steal(o);
}

}  // namespace

nb::object array_of(const Value& v, bool readonly) {
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
  const nb::object owner = is_packed(v.dtype()) ? unpack(v) : nb::cast(Storage{v, readonly});
  return np.ndarray(shape, dtype, owner);
}

void bind_arrays(nb::module_& m) {
  static PyType_Slot slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(storage_get_buffer)}, {0, nullptr}};
  nb::class_<Storage>(m, "Storage", nb::type_slots(slots), "Owner of the bytes of an output; the array's `base`.");
}

}  // namespace tenon::bindings
