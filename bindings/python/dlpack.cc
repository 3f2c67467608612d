// dlpack.cc: DLPack's structs (an ABI, versions 0.8 and 1.x) and the two ways across.
#include "dlpack.h"

#include <utility>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "lifetime.h"

namespace tenon::bindings {
namespace {

struct DLDevice {
  int32_t type, id;
};
struct DLDataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape, *strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor*);
};
struct DLManagedTensorVersioned {
  uint32_t major, minor;
  void* context;
  void (*deleter)(DLManagedTensorVersioned*);
  uint64_t flags;
  DLTensor tensor;
};
constexpr uint64_t kReadOnly = 1, kPaddedSubByte = 4;
constexpr int32_t kHost = 1, kPinnedHost = 3;
constexpr const char* kPlain = "dltensor";
constexpr const char* kVersioned = "dltensor_versioned";

struct TypeRow {
  DType dtype;
  uint8_t code, bits;
};
constexpr TypeRow kTypes[] = {
    {DType::kInt8, 0, 8},
    {DType::kInt16, 0, 16},
    {DType::kInt32, 0, 32},
    {DType::kInt64, 0, 64},
    {DType::kInt4, 0, 4},
    {DType::kInt2, 0, 2},
    {DType::kUint8, 1, 8},
    {DType::kUint16, 1, 16},
    {DType::kUint32, 1, 32},
    {DType::kUint64, 1, 64},
    {DType::kUint4, 1, 4},
    {DType::kUint2, 1, 2},
    {DType::kFloat16, 2, 16},
    {DType::kFloat, 2, 32},
    {DType::kDouble, 2, 64},
    {DType::kBFloat16, 4, 16},
    {DType::kComplex64, 5, 64},
    {DType::kComplex128, 5, 128},
    {DType::kBool, 6, 8},
    {DType::kFloat8E4M3FN, 10, 8},
    {DType::kFloat8E4M3FNUZ, 11, 8},
    {DType::kFloat8E5M2, 12, 8},
    {DType::kFloat8E5M2FNUZ, 13, 8},
    {DType::kFloat8E8M0, 14, 8},
    {DType::kFloat4E2M1, 17, 4},
};

template <class Managed>
struct Export {
  Managed managed{};
  Value value;
  std::vector<int64_t> shape, strides;
};

template <class Managed>
void drop(Managed* m) {
  delete static_cast<Export<Managed>*>(m->context);
}

template <class Managed>
void drop_capsule(PyObject* capsule) {
  const char* name = std::is_same_v<Managed, DLManagedTensor> ? kPlain : kVersioned;
  if (!PyCapsule_IsValid(capsule, name)) return;  // somebody took it
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (m->deleter) m->deleter(m);
}

template <class Managed>
nb::object make_capsule(const PyOrtValue& v, const TypeRow& row) {
  auto e = std::make_unique<Export<Managed>>();
  e->value = v.value;
  e->shape.assign(v.value.dims().begin(), v.value.dims().end());
  e->strides.resize(e->shape.size());
  int64_t stride = 1;
  for (size_t i = e->shape.size(); i-- > 0;) {
    e->strides[i] = stride;
    stride *= e->shape[i];
  }
  Managed& m = e->managed;
  m.tensor = {e->value.mutable_data(),
              {kHost, 0},
              static_cast<int32_t>(e->shape.size()),
              {row.code, row.bits, 1},
              e->shape.data(),
              e->strides.data(),
              0};
  m.context = e.get();
  m.deleter = drop<Managed>;
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    m.major = 1;
    m.flags = v.readonly ? kReadOnly : 0;
  }
  const char* name = std::is_same_v<Managed, DLManagedTensor> ? kPlain : kVersioned;
  PyObject* capsule = PyCapsule_New(&m, name, drop_capsule<Managed>);
  if (!capsule) throw nb::python_error();
  e.release();
  return nb::steal(capsule);
}

DType element_type_of(const DLDataType& d) {
  if (d.lanes == 1)
    for (const TypeRow& r : kTypes)
      if (r.code == d.code && r.bits == d.bits) return r.dtype;
  fail("from_dlpack: type (code {}, bits {}, lanes {}) has no counterpart in ONNX", d.code, d.bits, d.lanes);
}

Value check(const DLTensor& t, uint64_t flags) {
  if (t.device.type != kHost && t.device.type != kPinnedHost)
    fail("from_dlpack: expected host memory (device type 1 or 3), found device ({}, {})", t.device.type, t.device.id);
  const DType dtype = element_type_of(t.dtype);
  if (is_packed(dtype) && (flags & kPaddedSubByte))
    fail("from_dlpack: expected packed {}, found one element per byte", dtype_name(dtype));
  const std::span<const int64_t> dims(t.shape, static_cast<size_t>(t.ndim));
  int64_t stride = 1, count = 1;
  for (int64_t d : dims) count *= d;
  if (t.strides && count > 0)
    for (size_t i = dims.size(); i-- > 0;) {
      if (dims[i] != 1 && t.strides[i] != stride)
        fail("from_dlpack: expected a C-contiguous tensor, found stride {} in dimension {}, expected {}", t.strides[i],
             i, stride);
      stride *= dims[i];
    }
  return Value::borrow(dtype, dims, static_cast<char*>(t.data) + t.byte_offset);
}

// The producer's deleter may touch Python objects.
template <class Managed>
void release(Managed* m) {
  if (!m->deleter || interpreter_is_gone()) return;
  const nb::gil_scoped_acquire gil;
  m->deleter(m);
}

template <class Managed>
PyOrtValue take(nb::handle capsule, const char* name, const char* used) {
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule.ptr(), name));
  uint64_t flags = 0;
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    if (m->major != 1) fail("from_dlpack: expected DLPack 1.x, found {}.{}", m->major, m->minor);
    flags = m->flags;
  }
  const Value seen = check(m->tensor, flags);
  Value owned = Value::borrow(seen.dtype(), seen.dims(), const_cast<void*>(seen.data()), [m] { release(m); });
  if (PyCapsule_SetName(capsule.ptr(), used) != 0) throw nb::python_error();
  return {std::move(owned), (flags & kReadOnly) != 0};
}

}  // namespace

nb::object to_dlpack(const PyOrtValue& v, bool versioned) {
  if (!v.value.is_tensor()) fail("__dlpack__: expected a tensor, found a value of another kind");
  const TypeRow* row = nullptr;
  for (const TypeRow& r : kTypes)
    if (r.dtype == v.value.dtype()) row = &r;
  if (!row) fail("__dlpack__: a tensor of {} has no form in DLPack", dtype_name(v.value.dtype()));
  if (v.readonly && !versioned) {
    PyErr_SetString(PyExc_BufferError, "__dlpack__: the bytes are read-only, and DLPack before 1.0 cannot say so");
    throw nb::python_error();
  }
  return versioned ? make_capsule<DLManagedTensorVersioned>(v, *row) : make_capsule<DLManagedTensor>(v, *row);
}

PyOrtValue from_dlpack(nb::handle capsule) {
  if (PyCapsule_IsValid(capsule.ptr(), kPlain)) return take<DLManagedTensor>(capsule, kPlain, "used_dltensor");
  if (PyCapsule_IsValid(capsule.ptr(), kVersioned))
    return take<DLManagedTensorVersioned>(capsule, kVersioned, "used_dltensor_versioned");
  throw nb::type_error(
      fmt::format("from_dlpack: expected a capsule 'dltensor' that nobody has used, found {}", class_of(capsule))
          .c_str());
}

}  // namespace tenon::bindings
