// The interface of libtenon_regex.so, which holds RE2: functions and plain data only.
#pragma once
#include <cstddef>

namespace tenon::extras {

struct RegexApi {
  /// A compiled pattern, or null with the reason in `error`.
  void* (*compile)(const char* pattern, size_t size, char* error, size_t error_size);
  /// Whether all of the text matches; from any number of threads at once, in time linear in `size`.
  bool (*full_match)(const void* regex, const char* text, size_t size);
  void (*free)(void* regex);
};
inline constexpr char kRegexLibrary[] = "libtenon_regex.so", kRegexEntry[] = "tenon_regex_1";
/// Type of the function that the library exports.
using RegexEntry = const RegexApi*();

}  // namespace tenon::extras
