// Loading the library and calling through its table.
#include "ops/regex.h"

#include "base/error.h"
#include "base/library.h"
#include "extras/regex.h"

namespace tenon::ops {
namespace {

const extras::RegexApi& api() {
  static const extras::RegexApi& loaded = [&]() -> const extras::RegexApi& {
    extras::RegexEntry* entry = nullptr;
    SharedLibrary::beside(extras::kRegexLibrary).bind(extras::kRegexEntry, entry);
    return *entry();
  }();
  return loaded;
}

}  // namespace

Regex::Regex(std::string_view name, std::string_view pattern, bool longest) {
  char why[256] = "";
  regex_ = api().compile(pattern.data(), pattern.size(), longest, why, sizeof(why));
  if (!regex_) fail("attribute {}: '{}' is no regular expression: {}", name, pattern, static_cast<const char*>(why));
}
Regex::~Regex() {
  if (regex_) api().free(regex_);
}
bool Regex::full_match(std::string_view text) const { return api().full_match(regex_, text.data(), text.size()); }
bool Regex::find(std::string_view text, size_t from, Match* match) const {
  return api().find(regex_, text.data(), text.size(), from, &match->begin, &match->end);
}

}  // namespace tenon::ops
