// Loading of models in tests: the built-in operators, plain control flow, errors as text.
#pragma once
#include <string>
#include <string_view>

#include "onnx/load.h"

namespace tenon::test {

/// The built-in operators, and If, Loop and Scan where those are missing.
const graph::OpSet& loader_ops();
std::unique_ptr<graph::Graph> load(std::string_view model, onnx::Limits limits = {});

/// What loading throws; code 0 and empty text when it succeeds.
struct LoadError {
  int code = 0;
  ErrorReason reason = ErrorReason::kNone;
  std::string text, limit;
};
LoadError load_error(std::string_view model, onnx::Limits limits = {});

}  // namespace tenon::test
