// Values of provider options: numbers in a range, flags, lists.
#pragma once
#include <charconv>
#include <set>
#include <string>

#include "base/error.h"

namespace tenon::ep {

/// The items of "a,b,c"; empty ones are dropped.
std::set<std::string> option_list(const std::string& text);

/// Throws kInvalidArgument naming key, value and range.
template <class T>
T option_number(const std::string& key, const std::string& text, T low, T high) {
  T v{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || v < low || v > high)
    fail("provider option {}: \"{}\" found, expected a number from {} to {}", key, text, low, high);
  return v;
}

/// 0 or 1.
inline bool option_flag(const std::string& key, const std::string& text) {
  return option_number<int>(key, text, 0, 1) == 1;
}

}  // namespace tenon::ep
