// Errors found while a model is read.
#include "base/model_error.h"

#include <fmt/core.h>

namespace tenon {

Error in_model(const Error& e, std::string message) {
  const bool argument = e.code() == ErrorCode::kInvalidArgument && e.reason() == ErrorReason::kNone;
  return Error(argument ? ErrorCode::kInvalidGraph : e.code(), std::move(message), e.reason(), e.limit());
}

Error at_node(const Error& e, const std::string& quoted, std::string_view op) {
  const bool named = std::string_view(e.what()).starts_with("node \"");
  return in_model(e, named ? e.what() : fmt::format("node {} ({}): {}", quoted, op, e.what()));
}

}  // namespace tenon
