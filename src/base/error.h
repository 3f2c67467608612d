// fail(): the way to raise tenon::Error with a formatted message.
#pragma once
#include <fmt/core.h>

#include "tenon/error.h"

namespace tenon {

[[noreturn]] void fail_formatted(ErrorCode code, fmt::string_view format, fmt::format_args args);
[[noreturn]] void fail_limit_formatted(const char* limit, fmt::string_view format, fmt::format_args args);

/// Throws Error{code} with the formatted message.
template <class... A>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<A...> format, A&&... args) {
  fail_formatted(code, format, fmt::make_format_args(args...));
}
/// Throws Error{kInvalidArgument}.
template <class... A>
[[noreturn]] void fail(fmt::format_string<A...> format, A&&... args) {
  fail_formatted(ErrorCode::kInvalidArgument, format, fmt::make_format_args(args...));
}
/// Throws Error{kInvalidArgument, reason kLimit}; the message ends with the limit's name.
template <class... A>
[[noreturn]] void fail_limit(const char* limit, fmt::format_string<A...> format, A&&... args) {
  fail_limit_formatted(limit, format, fmt::make_format_args(args...));
}
[[noreturn]] void fail_out_of_memory(size_t bytes, const char* what);

}  // namespace tenon
