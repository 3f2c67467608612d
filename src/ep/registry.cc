// The providers of this build.
#include "ep/registry.h"

#include <algorithm>
#include <iterator>

#include "ep/cpu/cpu.h"
#include "ep/testdevice/test_device.h"

namespace tenon::ep {
namespace {

constexpr std::string_view kHidden[] = {
    "TestDeviceExecutionProvider",
};

}  // namespace

std::unique_ptr<Provider> make_provider(std::string_view name, const std::map<std::string, std::string>& options) {
  if (name == "CPUExecutionProvider") return std::make_unique<CpuProvider>();
  if (name == "TestDeviceExecutionProvider")
    return std::make_unique<testdevice::TestDevice>(testdevice::Options::parse(options));
  return nullptr;
}

bool is_hidden_provider(std::string_view name) { return std::ranges::find(kHidden, name) != std::end(kHidden); }

}  // namespace tenon::ep
