// Tables of costs from text.
#include "ep/testdevice/costs.h"

#include <algorithm>

#include "base/error.h"
#include "ep/option_text.h"

namespace tenon::ep::testdevice {
namespace {

int64_t duration_ns(const std::string& option, const std::string& text) {
  constexpr int64_t kMost = 1'000'000'000;
  const size_t unit = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view name = std::string_view(text).substr(unit);
  const int64_t scale = name == "ns" ? 1 : name == "us" ? 1000 : name == "ms" ? 1'000'000 : 0;
  if (!scale || !unit)
    fail("provider option {}: \"{}\" found, expected a time such as 200us, 500ns or 3ms", option, text);
  return option_number<int64_t>(option, text.substr(0, unit), 0, kMost) * scale;
}

}  // namespace

CostList CostList::parse(const std::string& option, const std::string& text) {
  CostList out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string item = text.substr(at, end - at);
    const size_t colon = item.rfind(':');
    if (colon == std::string::npos || colon == 0)
      fail("provider option {}: \"{}\" found, expected OP:TIME, as in Conv:200us,*:1us", option, item);
    out.ns_[item.substr(0, colon)] = duration_ns(option, item.substr(colon + 1));
    at = end + 1;
  }
  if (out.empty()) fail("provider option {}: nothing found, expected OP:TIME, as in Conv:200us,*:1us", option);
  return out;
}

int64_t CostList::of(std::string_view op) const {
  const auto it = ns_.find(op);
  if (it != ns_.end()) return it->second;
  const auto others = ns_.find("*");
  return others == ns_.end() ? 0 : others->second;
}

CopyCost CopyCost::parse(const std::string& option, const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos)
    fail("provider option {}: \"{}\" found, expected LATENCY_US:BYTES_PER_US, as in 10:1000", option, text);
  CopyCost c;
  c.latency_ns = option_number<int64_t>(option, text.substr(0, colon), 0, 1'000'000) * 1000;
  c.bytes_per_us = option_number<int64_t>(option, text.substr(colon + 1), 1, 1'000'000'000);
  return c;
}

int64_t CostClock::of(const graph::Graph& group) const {
  int64_t ns = 0;
  for (graph::NodeId n = 0; n < group.node_limit(); ++n)
    if (group.node(n).alive) ns += of(group.node(n));
  return ns;
}

}  // namespace tenon::ep::testdevice
