// Values in files of their own, as ONNX test directories have them: input_0.pb, output_0.pb.
#pragma once
#include <string>
#include <string_view>

#include "tenon/value.h"

namespace tenon::onnx {

/// Decodes a TensorProto, SequenceProto or OptionalProto; the file does not say which, so `kind` does. `element` is the
/// element type of an empty sequence; `where` starts messages. External data is refused.
/// Errors: kInvalidProtobuf, kInvalidGraph (sizes that do not match), kNotImplemented (maps, sparse tensors).
Value read_value(std::string_view bytes, ValueKind kind, const std::string& where, DType element = DType::kUndefined);

}  // namespace tenon::onnx
