// Provider options → Options.
#include "ep/testdevice/options.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "ep/option_text.h"

namespace tenon::ep::testdevice {
namespace {

constexpr std::array<std::string_view, 8> kSites = {"capability", "compile",   "kernel",  "copy",
                                                    "alloc",      "run_start", "run_end", "sync"};

}  // namespace

Options Options::parse(const std::map<std::string, std::string>& text) {
  Options o;
  for (const auto& [key, value] : text) {
    if (key == "device_id") {
      o.device_id = option_number(key, value, 0, 255);
    } else if (key == "ops") {
      o.ops = option_list(value);
    } else if (key == "except") {
      o.except = option_list(value);
    } else if (key == "share") {
      o.share = option_number(key, value, 0.0, 1.0);
    } else if (key == "seed") {
      o.seed = option_number<uint64_t>(key, value, 0, UINT64_MAX);
    } else if (key == "fuse") {
      o.fuse = option_flag(key, value);
    } else if (key == "async") {
      o.async = option_flag(key, value);
    } else if (key == "layout") {
      if (value != "NHWC" && value != "NCHW")
        fail("provider option layout: \"{}\" found, expected NHWC or NCHW", value);
      o.nhwc = value == "NHWC";
    } else if (key == "layout_except") {
      o.layout_except = option_list(value);
    } else if (key == "delay_us") {
      o.delay_us = option_number(key, value, 0, 1'000'000);
    } else if (key == "max_delay_us") {
      o.max_delay_us = option_number(key, value, 0, 1'000'000);
    } else if (key == "peer") {
      o.peer = option_flag(key, value);
    } else if (key == "host_shapes") {
      o.host_shapes = option_flag(key, value);
    } else if (key == "costs") {
      o.costs.ops = CostList::parse(key, value);
    } else if (key == "host_costs") {
      o.costs.host_ops = CostList::parse(key, value);
    } else if (key == "copy_cost") {
      o.costs.copy = CopyCost::parse(key, value);
    } else if (key == "fault") {
      const size_t colon = std::min(value.find(':'), value.size());
      const auto site = std::ranges::find(kSites, std::string_view(value).substr(0, colon));
      if (site == kSites.end()) fail("provider option fault: \"{}\" found, expected SITE or SITE:N", value);
      o.fault = static_cast<Site>(site - kSites.begin());
      if (colon < value.size()) o.fault_at = option_number("fault", value.substr(colon + 1), 1, 1'000'000);
    } else {
      fail("the test device has no option \"{}\"", key);
    }
  }
  for (const char* key : {"costs", "host_costs", "copy_cost"}) o.costs.simulated |= text.contains(key);
  return o;
}

}  // namespace tenon::ep::testdevice
