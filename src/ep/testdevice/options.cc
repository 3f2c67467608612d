// Provider options → Options.
#include "ep/testdevice/options.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"

namespace tenon::ep::testdevice {
namespace {

std::set<std::string> list_of(const std::string& text) {
  std::set<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    if (end > at) out.insert(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

template <class T>
T number(const std::string& key, const std::string& text, T low, T high) {
  T v{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || v < low || v > high)
    fail("provider option {}: \"{}\" found, expected a number from {} to {}", key, text, low, high);
  return v;
}

bool flag(const std::string& key, const std::string& text) { return number<int>(key, text, 0, 1) == 1; }

constexpr std::array<std::string_view, 7> kSites = {"capability", "compile",   "kernel", "copy",
                                                    "alloc",      "run_start", "sync"};

}  // namespace

Options Options::parse(const std::map<std::string, std::string>& text) {
  Options o;
  for (const auto& [key, value] : text) {
    if (key == "device_id") {
      o.device_id = number(key, value, 0, 255);
    } else if (key == "ops") {
      o.ops = list_of(value);
    } else if (key == "except") {
      o.except = list_of(value);
    } else if (key == "share") {
      o.share = number(key, value, 0.0, 1.0);
    } else if (key == "seed") {
      o.seed = number<uint64_t>(key, value, 0, UINT64_MAX);
    } else if (key == "fuse") {
      o.fuse = flag(key, value);
    } else if (key == "async") {
      o.async = flag(key, value);
    } else if (key == "max_delay_us") {
      o.max_delay_us = number(key, value, 0, 1'000'000);
    } else if (key == "peer") {
      o.peer = flag(key, value);
    } else if (key == "host_shapes") {
      o.host_shapes = flag(key, value);
    } else if (key == "fault") {
      const size_t colon = std::min(value.find(':'), value.size());
      const auto site = std::ranges::find(kSites, std::string_view(value).substr(0, colon));
      if (site == kSites.end()) fail("provider option fault: \"{}\" found, expected SITE or SITE:N", value);
      o.fault = static_cast<Site>(site - kSites.begin());
      if (colon < value.size()) o.fault_at = number("fault", value.substr(colon + 1), 1, 1'000'000);
    } else {
      fail("the test device has no option \"{}\"", key);
    }
  }
  return o;
}

}  // namespace tenon::ep::testdevice
