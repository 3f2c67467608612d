// numpy.h: numpy's element types and arrays as seen from Tenon.
#pragma once
#include <unordered_map>

#include "base/dtype.h"
#include "binding.h"

namespace tenon::bindings {

struct NumpyName {
  DType dtype;
  const char* name;     ///< of the numpy or ml_dtypes type
  const char* storage;  ///< plain numpy type of the same size, for types that numpy itself does not know
};
/// Null for strings and kUndefined.
const NumpyName* find_name(DType t);

/// numpy's objects, looked up once. Never destroyed: values may outlive the interpreter's shutdown of this module.
struct Numpy {
  nb::object ndarray, dtype, empty, object_dtype;
  nb::object of[kNumDTypes];                       ///< dtype objects; ml_dtypes' ones appear when first needed
  std::unordered_map<PyObject*, DType> by_object;  ///< native dtype objects, compared by identity
  nb::object as_array;                             ///< tenon.feeds.as_array

  Numpy();
  /// dtype object for `t`; null when `t` needs ml_dtypes and that is not installed (or too old).
  nb::handle object_of(DType t);
  /// Element type of a dtype object in native byte order; kUndefined for all others.
  DType type_of(nb::handle d);

 private:
  void remember(DType t, nb::object d);
};
Numpy& numpy();

/// A number of onnx.TensorProto.DataType, or what numpy.dtype() takes; str and object are kString.
DType element_type(nb::handle given, const std::string& what);
/// Value over the bytes of an ndarray of numbers, which is copied when it is not C-contiguous or not aligned. `storage`
/// is the type that numpy knows it by. Sets `readonly`, if given, to whether numpy forbids writing.
Value borrow_buffer(nb::handle array, DType t, bool* readonly = nullptr);
/// One element per byte, as ml_dtypes keeps them → ONNX's packing, low bits first.
Value pack(const Value& wide, DType t);
/// Elements of an array of str, bytes or objects.
Value strings_of(nb::handle array, const std::string& name);
/// ndarray of any element type that Tenon has → Value; numbers that numpy knows are shared, see borrow_buffer. With a
/// `type`, also lists and scalars, as that type.
Value tensor_of_array(nb::handle array, const FeedType* type, const std::string& name, bool* readonly = nullptr);
/// Value → ndarray over the same bytes; strings and packed types are copied.
nb::object array_of(const Value& v, bool readonly = false);
nb::object shape_of(const Value& v);

}  // namespace tenon::bindings
