// Regular expressions of operators: RE2, in a library that is loaded when the first pattern is compiled.
#pragma once
#include <cstddef>
#include <string_view>

namespace tenon::ops {

/// A compiled pattern; from any number of threads at once.
class Regex {
 public:
  /// Throws with the reason when `pattern` is none; `name`: of the attribute that holds it. `longest`: of the matches
  /// that start first the longest one, instead of the first alternative.
  Regex(std::string_view name, std::string_view pattern, bool longest = false);
  ~Regex();
  Regex(Regex&& o) noexcept : regex_(o.regex_) { o.regex_ = nullptr; }
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  bool full_match(std::string_view text) const;
  struct Match {
    size_t begin, end;
  };
  /// The first match that starts at `from` or later, in *match; false when there is none.
  bool find(std::string_view text, size_t from, Match* match) const;

 private:
  void* regex_;
};

}  // namespace tenon::ops
