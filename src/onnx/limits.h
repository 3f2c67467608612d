// Limits of the loader: what a model file may ask for. Every error that a limit causes names it.
#pragma once
#include <cstdint>

namespace tenon::onnx {

/// Names in errors (Error::limit()) are those of the fields.
struct Limits {
  int64_t file_bytes = int64_t{1} << 42;         ///< model file
  int64_t depth = 64;                            ///< nesting of subgraphs, and of types
  int64_t nodes = 2'000'000;                     ///< nodes of the model and its subgraphs together
  int64_t objects = 50'000'000;                  ///< messages that are decoded
  int64_t initializer_bytes = int64_t{1} << 42;  ///< tensors of the model together, external ones too
  int64_t tensor_elements = int64_t{1} << 40;    ///< elements of one tensor, constants and results of known shape
  int64_t sparse_expansion = int64_t{1} << 28;   ///< dense bytes of all sparse initializers together
  int64_t name_length = 1 << 16;                 ///< bytes of a name
  int64_t functions = 10'000;                    ///< model functions
  int64_t function_nodes = 2'000'000;            ///< nodes that instantiating all calls, nested ones too, would make
};

}  // namespace tenon::onnx
