// Logger: one line per event, ORT's severities, to stderr or to the client's callback.
#pragma once
#include <fmt/core.h>

#include <functional>
#include <string>
#include <string_view>

namespace tenon {

enum class Severity : int { kVerbose = 0, kInfo = 1, kWarning = 2, kError = 3, kFatal = 4 };

class Logger {
 public:
  using Sink = std::function<void(Severity, std::string_view id, std::string_view message)>;
  explicit Logger(std::string id = "Default", Severity threshold = Severity::kWarning, Sink sink = {});

  bool enabled(Severity s) const noexcept { return s >= threshold_; }
  void write(Severity s, std::string_view message) const;
  template <class... A>
  void log(Severity s, fmt::format_string<A...> format, A&&... args) const {
    if (enabled(s)) write(s, fmt::format(format, std::forward<A>(args)...));
  }

 private:
  std::string id_;
  Severity threshold_;
  Sink sink_;
};

/// Edit distance based "did you mean": the nearest of `known` to `name`, or empty when nothing is near.
template <class Range>
std::string_view nearest_name(std::string_view name, const Range& known);
size_t edit_distance(std::string_view a, std::string_view b);

template <class Range>
std::string_view nearest_name(std::string_view name, const Range& known) {
  std::string_view best;
  size_t best_distance = name.size() / 2 + 1;
  for (const auto& k : known) {
    const size_t d = edit_distance(name, k);
    if (d < best_distance) {
      best_distance = d;
      best = k;
    }
  }
  return best;
}

}  // namespace tenon
