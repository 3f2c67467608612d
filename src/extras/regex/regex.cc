// Regular expressions by RE2: no pattern and no text takes more than linear time.
#include "extras/regex.h"

#include <re2/re2.h>

#include <cstdio>
#include <memory>

namespace tenon::extras {
namespace {

void* compile(const char* pattern, size_t size, bool longest, char* error, size_t error_size) try {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_longest_match(longest);
  auto regex = std::make_unique<re2::RE2>(re2::StringPiece(pattern, size), options);
  if (regex->ok()) return regex.release();
  std::snprintf(error, error_size, "%s", regex->error().c_str());
  return nullptr;
} catch (const std::exception& e) {
  std::snprintf(error, error_size, "%s", e.what());
  return nullptr;
}

bool full_match(const void* regex, const char* text, size_t size) {
  return re2::RE2::FullMatch(re2::StringPiece(text, size), *static_cast<const re2::RE2*>(regex));
}

bool find(const void* regex, const char* text, size_t size, size_t from, size_t* begin, size_t* end) {
  re2::StringPiece match;
  if (!static_cast<const re2::RE2*>(regex)->Match(re2::StringPiece(text, size), from, size, re2::RE2::UNANCHORED,
                                                  &match, 1))
    return false;
  *begin = static_cast<size_t>(match.data() - text);
  *end = *begin + match.size();
  return true;
}

void release(void* regex) { delete static_cast<re2::RE2*>(regex); }

constexpr RegexApi kApi = {compile, full_match, find, release};

}  // namespace
}  // namespace tenon::extras

extern "C" __attribute__((visibility("default"))) const tenon::extras::RegexApi* tenon_regex_1();
extern "C" const tenon::extras::RegexApi* tenon_regex_1() { return &tenon::extras::kApi; }
