// binding.h: what the files of the Python module share: conversion of values, and the functions that fill the module.
#pragma once
#include <nanobind/nanobind.h>
// Casters must be the same in every file.
#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "tenon/session.h"

namespace tenon::bindings {

namespace nb = nanobind;

/// An object that is made at first use, under the GIL, and outlives the interpreter. Unlike a function's static it
/// holds no lock while it is made: its constructor runs Python, which lets other threads in.
template <class T>
class MadeOnce {
 public:
  T& get() {
    if (T* made = object_.load(std::memory_order_acquire)) return *made;
    T* const fresh = new T;
    T* first = nullptr;
    if (object_.compare_exchange_strong(first, fresh, std::memory_order_acq_rel)) return *fresh;
    delete fresh;  // another thread was faster
    return *first;
  }

 private:
  std::atomic<T*> object_{nullptr};
};

/// NodeArg::type as a tree. `dtype` is the element type of a tensor and the key type of a map.
struct FeedType {
  ValueKind kind = ValueKind::kTensor;
  DType dtype = DType::kUndefined;
  std::unique_ptr<FeedType> inner;  ///< of sequence, optional, and the values of a map
  std::string text;                 ///< "tensor(float)"
};
FeedType parse_type(std::string_view text);

/// Name of an object's class, for messages.
std::string class_of(nb::handle object);

/// Python object → Value; `name` is for messages. A C-contiguous, aligned array of native byte order is borrowed, all
/// else is copied. An array keeps its own element type, for the session to compare; lists and scalars take `type`'s.
Value from_python(nb::handle object, const FeedType& type, const std::string& name);
/// Value → ndarray over the same bytes (strings: object array of str), list, dict, or None.
nb::object to_python(const Value& value);

/// The class OrtValue of this module. `readonly`: the bytes belong to an array that must not be written.
struct PyOrtValue {
  Value value;
  bool readonly = false;
};
/// The class SparseTensor of this module.
struct PySparse {
  Value value;
};
/// The OrtValue in an OrtValue of this module or of the package; null for other objects.
const PyOrtValue* held_value(nb::handle object);
const PySparse* held_sparse(nb::handle object);

/// Numbers as in onnxruntime's OrtDevice.
struct PyDevice {
  int type = 0, memory = 0;
  uint32_t vendor = 0;
  int id = 0;
};
/// Fails where this build has no memory of that kind.
void check_device(const PyDevice& device, const std::string& what);

/// Python's SessionOptions; the flag is what set_load_cancellation_flag sets.
struct PySessionOptions {
  SessionOptions options;
  std::atomic<bool> cancel_load{false};
};
/// Python's RunOptions; `terminate` may be set from any thread while a run reads it.
struct PyRunOptions {
  RunOptions options;
  std::atomic<bool> terminate{false};
  std::vector<std::shared_ptr<const std::map<std::string, Value>>> adapters;
};
/// Parameters of a LoRA adapter by input name.
struct PyAdapter {
  std::shared_ptr<const std::map<std::string, Value>> parameters;
};

/// str or os.PathLike.
std::string path_text(nb::handle h);

/// Has `tenon.errors` raise the class of the error's code.
void raise(const Error& error);

void bind_custom_ops(nb::class_<PySessionOptions>& c);
void bind_errors(nb::module_& m);
void bind_arrays(nb::module_& m);
void bind_devices(nb::module_& m);
void bind_ort_values(nb::module_& m);
void bind_sparse(nb::module_& m);
void bind_io_binding(nb::module_& m);
void bind_lifetime(nb::module_& m);
void bind_adapter(nb::module_& m);
void bind_logger(nb::module_& m);
void bind_options(nb::module_& m);
void bind_provider_libraries(nb::module_& m);
void bind_session(nb::module_& m);

}  // namespace tenon::bindings
