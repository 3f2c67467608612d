// ort_value.cc: OrtValue and OrtValueVector of the extension module.
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/value_data.h"
#include "dlpack.h"
#include "lifetime.h"
#include "numpy.h"
#include "ort_values.h"

namespace tenon::bindings {
namespace {

std::string type_text(const Value& v) {
  const auto inner = [&](size_t i) {
    return v.items().size() > i ? type_text(v.items()[i]) : "tensor(" + std::string(dtype_name(v.dtype())) + ")";
  };
  switch (v.kind()) {
    case ValueKind::kTensor:
      return "tensor(" + std::string(dtype_name(v.dtype())) + ")";
    case ValueKind::kSparse:
      return "sparse_tensor(" + std::string(dtype_name(v.dtype())) + ")";
    case ValueKind::kSequence:
      return "seq(" + inner(0) + ")";
    case ValueKind::kMap:
      return "map(" + std::string(dtype_name(v.dtype())) + "," + inner(1) + ")";
    case ValueKind::kOptional:
      return "optional(" + inner(0) + ")";
    default:
      return "None";
  }
}

const Value& tensor(const PyOrtValue& v, const char* what) {
  if (!v.value.is_tensor()) fail("OrtValue.{}: expected a tensor, found {}", what, type_text(v.value));
  return v.value;
}

const Value& dense_or_sparse(const PyOrtValue& v, const char* what) {
  if (!v.value.is_tensor() && v.value.kind() != ValueKind::kSparse)
    fail("OrtValue.{}: expected a tensor or a sparse tensor, found {}", what, type_text(v.value));
  return v.value;
}

nb::list shape_list(const Value& v) {
  nb::list out;
  for (int64_t d : v.dims()) out.append(d);
  return out;
}

void need_array(nb::handle array, const char* what) {
  if (!nb::isinstance(array, numpy().ndarray))
    throw nb::type_error(fmt::format("{}: expected a numpy.ndarray, found {}", what, class_of(array)).c_str());
}

PyOrtValue from_numpy(nb::handle array, const PyDevice& device) {
  need_array(array, "ortvalue_from_numpy");
  check_device(device, "ortvalue_from_numpy");
  PyOrtValue out;
  out.value = tensor_of_array(array, nullptr, "ortvalue_from_numpy", &out.readonly);
  return out;
}

// The array's bytes as another type of the same size; sub-byte types: one byte holds several elements, and the shape
// is that of the elements, of which a byte of the array holds one (ml_dtypes) or the array is already packed.
PyOrtValue from_numpy_as(nb::handle array, int onnx_type) {
  need_array(array, "ortvalue_from_numpy_with_onnx_type");
  const DType t = element_type(nb::int_(onnx_type), "ortvalue_from_numpy_with_onnx_type");
  if (t == DType::kString) fail("ortvalue_from_numpy_with_onnx_type: expected a type of numbers, found string");
  PyOrtValue given;
  given.value = tensor_of_array(array, nullptr, "ortvalue_from_numpy_with_onnx_type", &given.readonly);
  const Value& v = given.value;
  if (v.dtype() == t) return given;
  if (is_packed(t) && dtype_bits(v.dtype()) == 8) {
    // Bytes of packed elements under the shape of the elements: the first half of them counts, as in onnxruntime.
    return {Value::borrow(t, v.dims(), const_cast<void*>(v.data()), [keep = v] {}), given.readonly};
  }
  if (v.dtype() == DType::kString || dtype_bits(v.dtype()) != dtype_bits(t))
    fail("ortvalue_from_numpy_with_onnx_type: expected elements of {} bits for {}, found {} of {} bits", dtype_bits(t),
         dtype_name(t), dtype_name(v.dtype()), dtype_bits(v.dtype()));
  return {Value::borrow(t, v.dims(), const_cast<void*>(v.data()), [keep = v] {}), given.readonly};
}

PyOrtValue from_shape(const std::vector<int64_t>& dims, nb::handle type, const PyDevice& device, bool registered) {
  constexpr const char* kWhat = "ortvalue_from_shape_and_type";
  check_device(device, kWhat);
  const DType t = element_type(type, kWhat);
  for (int64_t d : dims)
    if (d < 0) fail("{}: expected dimensions >= 0, found {}", kWhat, to_string(dims));
  const auto allocator = registered ? registered_allocator() : nullptr;
  if (!allocator || t == DType::kString) return {Value::tensor(t, dims), false};
  const size_t bytes = storage_bytes(t, element_count(dims));
  void* p = allocator->alloc(bytes, 64, nullptr);
  if (!p) fail_out_of_memory(bytes, kWhat);
  return {Value::borrow(t, dims, p, [allocator, p] { allocator->free(p); }), false};
}

void copy_bytes(const Value& from, Value& to) {
  if (to.dtype() == DType::kString)
    std::copy_n(from.string_data().begin(), to.count(), to.as_mutable<std::string>().begin());
  else if (to.bytes())
    std::memmove(to.mutable_data(), from.data(), to.bytes());
}

// Shapes may differ as long as the number of elements is the same, as in onnxruntime; types may not.
void update(PyOrtValue& v, const Value& from, const char* what) {
  Value& to = v.value;
  tensor(v, what);
  if (v.readonly) fail("{}: the OrtValue lies in an array that is read-only", what);
  if (!from.is_tensor()) fail("{}: expected a tensor, found {}", what, type_text(from));
  const bool bits = find_name(to.dtype()) && find_name(to.dtype())->storage && !is_packed(to.dtype()) &&
                    dtype_bits(from.dtype()) == dtype_bits(to.dtype());  // numpy has the bits only
  if (from.dtype() != to.dtype() && !bits)
    fail("{}: expected element type {}, found {}", what, dtype_name(to.dtype()), dtype_name(from.dtype()));
  if (from.count() != to.count())
    fail("{}: expected {} elements, shape {}, found {}, shape {}", what, to.count(), to_string(to.dims()), from.count(),
         to_string(from.dims()));
  copy_bytes(from, to);
}

nb::object numpy_of(const PyOrtValue& v) { return array_of(tensor(v, "numpy"), v.readonly); }

nb::tuple dlpack_device(const PyOrtValue& v) {
  tensor(v, "__dlpack_device__");
  return nb::make_tuple(1, 0);
}

nb::object dlpack(const PyOrtValue& v, nb::handle stream, nb::handle max_version, nb::handle device, nb::handle copy) {
  if (!stream.is_none() && !PyLong_Check(stream.ptr()))
    throw nb::type_error(fmt::format("__dlpack__: expected stream as int or None, found {}", class_of(stream)).c_str());
  if (!device.is_none() && !device.equal(nb::make_tuple(1, 0))) {
    PyErr_SetString(PyExc_BufferError, "__dlpack__: the tensor lies in host memory, device (1, 0)");
    throw nb::python_error();
  }
  const bool versioned = !max_version.is_none() && nb::cast<int>(max_version[nb::int_(0)]) >= 1;
  if (!copy.is_none() && nb::cast<bool>(copy))
    return to_dlpack({copy_tensor(tensor(v, "__dlpack__")), false}, versioned);
  return to_dlpack(v, versioned);
}

void copy_all(const std::vector<PyOrtValue*>& from, const std::vector<PyOrtValue*>& to, nb::handle) {
  if (from.size() != to.size())
    fail("copy_tensors: expected as many targets as sources, found {} and {}", to.size(), from.size());
  for (size_t i = 0; i < from.size(); ++i) update(*to[i], from[i]->value, "copy_tensors");
}

void push_back_batch(PyOrtValueVector& v, nb::sequence owners, const std::vector<uintptr_t>& pointers,
                     nb::sequence types, const std::vector<std::vector<int64_t>>& shapes,
                     const std::vector<PyDevice>& devices) {
  const size_t n = pointers.size();
  if (nb::len(owners) != n || nb::len(types) != n || shapes.size() != n || devices.size() != n)
    fail("push_back_batch: expected lists of one length, found {}, {}, {}, {} and {}", nb::len(owners), n,
         nb::len(types), shapes.size(), devices.size());
  for (size_t i = 0; i < n; ++i) {
    check_device(devices[i], "push_back_batch");
    const DType t = element_type(types[i], "push_back_batch");
    if (t == DType::kString) fail("push_back_batch: expected types of numbers behind addresses, found string");
    PyObject* const owner = nb::object(owners[i]).release().ptr();
    v.items.push_back({Value::borrow(t, shapes[i], reinterpret_cast<void*>(pointers[i]),
                                     [owner] {
                                       if (interpreter_is_gone()) return;
                                       const nb::gil_scoped_acquire gil;
                                       Py_DECREF(owner);
                                     }),
                       false});
  }
}

void bind_vector(nb::module_& m) {
  using V = PyOrtValueVector;
  const auto at = [](V& v, size_t i) -> PyOrtValue& {
    if (i >= v.items.size()) throw nb::index_error(fmt::format("index {} of {} values", i, v.items.size()).c_str());
    return v.items[i];
  };
  nb::class_<V>(m, "OrtValueVector", "A list of OrtValue, for run_with_ortvaluevector.")
      .def(nb::init<>())
      .def("push_back", [](V& v, const PyOrtValue& value) { v.items.push_back(value); })
      .def(
          "push_back", [](V& v, nb::handle capsule) { v.items.push_back(from_dlpack(capsule)); },
          nb::arg("dlpack_tensor"))
      .def("push_back_batch", &push_back_batch, nb::arg("owners"), nb::arg("pointers"), nb::arg("types"),
           nb::arg("shapes"), nb::arg("devices"), "Tensors at addresses; each keeps its owner alive.")
      .def("reserve", [](V& v, size_t n) { v.items.reserve(n); })
      .def("shrink_to_fit", [](V& v) { v.items.shrink_to_fit(); })
      .def("__len__", [](const V& v) { return v.items.size(); })
      .def("__bool__", [](const V& v) { return !v.items.empty(); })
      .def("__getitem__", [at](V& v, size_t i) { return at(v, i); })
      .def("__iter__",
           [](const V& v) {
             nb::list all;
             for (const PyOrtValue& value : v.items) all.append(value);
             return nb::iter(all);
           })
      .def("dlpack_at", [at](V& v, size_t i) { return to_dlpack(at(v, i), false); })
      .def(
          "element_type_at",
          [at](V& v, size_t i) { return static_cast<int>(tensor(at(v, i), "element_type").dtype()); }, nb::arg("idx"))
      .def(
          "to_dlpacks",
          [](const V& v, nb::handle make) {
            nb::list out;
            for (const PyOrtValue& value : v.items) {
              nb::object capsule = to_dlpack(value, false);
              out.append(make.is_none() ? capsule : nb::object(make(capsule)));
            }
            return out;
          },
          nb::arg("to_tensor").none(), "A list of capsules, or of what `to_tensor` makes of them.");
}

}  // namespace

void bind_ort_values(nb::module_& m) {
  using V = PyOrtValue;
  nb::class_<V> c(m, "OrtValue", "A value; tenon.OrtValue is its public face.");
  c.def_static("ortvalue_from_numpy", &from_numpy)
      .def_static("ortvalue_from_numpy_with_onnx_type", &from_numpy_as)
      .def_static("ortvalue_from_shape_and_type", &from_shape, nb::arg("shape"), nb::arg("element_type"),
                  nb::arg("device"), nb::arg("registered") = false)
      .def_static("ortvalue_from_shape_and_onnx_type", &from_shape, nb::arg("shape"), nb::arg("element_type"),
                  nb::arg("device"), nb::arg("registered") = false)
      .def_static(
          "from_python",
          [](nb::handle object, const std::string& type) {
            return V{from_python(object, parse_type(type), "from_python"), false};
          },
          nb::arg("object").none(), nb::arg("type"),
          "Value of a type like \"seq(tensor(float))\" from lists, dicts and arrays.")
      .def_static("from_dlpack", &from_dlpack, nb::arg("data"))
      .def_static("ort_value_from_sparse_tensor",
                  [](const PySparse& s) {
                    return V{s.value, false};
                  })
      .def("to_python", [](const V& v) { return v.value.is_tensor() ? numpy_of(v) : to_python(v.value); })
      .def("as_sparse_tensor",
           [](const V& v) {
             if (v.value.kind() != ValueKind::kSparse)
               fail("OrtValue.as_sparse_tensor: expected a sparse tensor, found {}", type_text(v.value));
             return PySparse{v.value};
           })
      .def("data_ptr", [](const V& v) { return reinterpret_cast<uintptr_t>(tensor(v, "data_ptr").data()); })
      .def("device_name", [](const V& v) { return dense_or_sparse(v, "device_name"), "cpu"; })
      .def("shape", [](const V& v) { return shape_list(dense_or_sparse(v, "shape")); })
      .def("data_type", [](const V& v) { return type_text(v.value); })
      .def("element_type", [](const V& v) { return static_cast<int>(v.value.dtype()); })
      .def("tensor_size_in_bytes", [](const V& v) { return tensor(v, "tensor_size_in_bytes").bytes(); })
      .def("has_value",
           [](const V& v) { return v.value && (v.value.kind() != ValueKind::kOptional || !v.value.items().empty()); })
      .def("is_tensor", [](const V& v) { return v.value.is_tensor(); })
      .def("is_sparse_tensor", [](const V& v) { return v.value.kind() == ValueKind::kSparse; })
      .def("is_tensor_sequence", [](const V& v) { return v.value.kind() == ValueKind::kSequence; })
      .def("_is_webgpu_buffer", [](const V&) { return false; })
      .def_prop_ro("_readonly", [](const V& v) { return v.readonly; })
      .def("numpy", &numpy_of)
      .def("to_dlpack", [](const V& v) { return to_dlpack(v, false); })
      .def("__dlpack__", &dlpack, nb::arg("stream") = nb::none(), nb::arg("max_version") = nb::none(),
           nb::arg("dl_device") = nb::none(), nb::arg("copy") = nb::none())
      .def("__dlpack_device__", &dlpack_device)
      .def("update_inplace", [](V& v, const V& from) { update(v, from.value, "update_inplace"); })
      .def("update_inplace", [](V& v, nb::handle array) {
        need_array(array, "update_inplace");
        update(v, tensor_of_array(array, nullptr, "update_inplace"), "update_inplace");
      });
  bind_vector(m);
  m.def("copy_tensors", &copy_all, nb::arg("src"), nb::arg("dst"), nb::arg("stream") = nb::none());
}

}  // namespace tenon::bindings
