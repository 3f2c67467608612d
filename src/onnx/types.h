// TypeProto → ValueType, TypeProto dims → symbols.
#pragma once
#include <string>
#include <vector>

#include "base/value_type.h"
#include "onnx/model_view.h"

namespace tenon::onnx {

/// Type of a value. Unset, empty and negative dims are fresh symbols, dim_params named ones. An empty TypeProto and
/// element type 0 give an undefined tensor: the caller decides whether a type is needed.
ValueType import_type(Decoder& d, Bytes type, Symbols& symbols);
/// Denotations of the dims of a tensor type ("DATA_BATCH"), "" where a dim has none; empty when no dim has one.
std::vector<std::string> import_denotations(Decoder& d, Bytes type);
/// DType of TensorProto.DataType number `type`; error when it names none. `what` starts the message.
DType import_dtype(int64_t type, std::string_view what);

}  // namespace tenon::onnx
