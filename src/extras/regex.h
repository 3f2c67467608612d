// The interface of libtenon_regex.so, which holds RE2: functions and plain data only.
#pragma once
#include <cstddef>

namespace tenon::extras {

struct RegexApi {
  /// A compiled pattern, or null with the reason in `error`. `longest`: find() prefers the longest match.
  void* (*compile)(const char* pattern, size_t size, bool longest, char* error, size_t error_size);
  /// Whether all of the text matches; from any number of threads at once, in time linear in `size`.
  bool (*full_match)(const void* regex, const char* text, size_t size);
  /// The first match that starts at `from` <= size or later, as [*begin, *end); false when there is none.
  bool (*find)(const void* regex, const char* text, size_t size, size_t from, size_t* begin, size_t* end);
  void (*free)(void* regex);
};
inline constexpr char kRegexLibrary[] = "libtenon_regex.so", kRegexEntry[] = "tenon_regex_1";
/// Type of the function that the library exports.
using RegexEntry = const RegexApi*();

}  // namespace tenon::extras
