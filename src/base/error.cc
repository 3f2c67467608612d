// Formats and throws tenon::Error.
#include "base/error.h"

namespace tenon {

void fail_formatted(ErrorCode code, fmt::string_view format, fmt::format_args args) {
  throw Error(code, fmt::vformat(format, args));
}
void fail_limit_formatted(const char* limit, fmt::string_view format, fmt::format_args args) {
  throw Error(ErrorCode::kInvalidArgument, fmt::vformat(format, args) + " (limit: " + limit + ")", ErrorReason::kLimit,
              limit);
}
void fail_out_of_memory(size_t bytes, const char* what) {
  throw Error(ErrorCode::kRuntimeException, fmt::format("out of memory: {} bytes for {}", bytes, what),
              ErrorReason::kOutOfMemory);
}

}  // namespace tenon
