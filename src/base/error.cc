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

}  // namespace tenon
