// Open Inference Protocol, REST version 2: what requests and answers look like, JSON and binary.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/shape.h"
#include "ops/kernel.h"

namespace tenon::ep::remote {

/// "FP32", "INT64", "BYTES", ...; empty for types that the protocol does not have.
std::string_view protocol_name(DType t);

/// "FP32[2,3]".
std::string described(DType t, std::span<const int64_t> dims);

struct Input {
  std::string name;
  ops::TensorRef tensor;
};

struct EncodedRequest {
  std::string json;
  size_t json_bytes = SIZE_MAX;             ///< binary: where the tensors start; SIZE_MAX: all is JSON
  std::vector<std::string> strings;         ///< string tensors in their binary form
  std::vector<std::span<const char>> body;  ///< views of all that, and of the inputs
};

/// The result refers to the inputs' memory. Throws kEpFail for values that JSON cannot carry (NaN, infinities, strings
/// that are not UTF-8).
void encode(std::span<const Input> inputs, std::span<const std::string> outputs, bool binary, EncodedRequest& to);

/// One tensor of an answer: bytes of the answer, or a value that was made from JSON or strings.
struct Output {
  Dims dims;
  std::string_view bytes;
  Value value;
};
struct Expected {
  std::string name;
  DType dtype;
};

/// The expected outputs, in their order. `body` must outlive them. Throws kEpFail saying what was expected and found:
/// missing outputs, wrong types, counts that do not match shapes, truncated bodies.
std::vector<Output> decode(std::string_view body, size_t json_bytes, std::span<const Expected> expected);

/// What a server says about a tensor of its model.
struct Declared {
  std::string name, datatype;
  std::vector<int64_t> dims;
};
struct ModelMetadata {
  std::vector<Declared> inputs, outputs;
};
/// Empty lists when it says nothing that can be understood: metadata is a help, not a condition.
ModelMetadata read_metadata(std::string_view body);
/// Whether a server's own metadata names this extension.
bool has_extension(std::string_view body, std::string_view name);
/// The text of an error answer: its "error" or "detail", or the body, shortened and in one line.
std::string error_text(std::string_view body);

}  // namespace tenon::ep::remote
