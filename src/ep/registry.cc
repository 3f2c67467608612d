// The providers of this build.
#include "ep/registry.h"

#include <algorithm>
#include <iterator>

#include "ep/cpu/cpu.h"
#include "ep/library/library.h"
#include "ep/testdevice/test_device.h"
#ifdef TENON_HAVE_REMOTE
#include "ep/remote/remote.h"
#endif

namespace tenon::ep {
namespace {

constexpr std::string_view kAvailable[] = {
#ifdef TENON_HAVE_REMOTE
    "AzureExecutionProvider",
#endif
    "CPUExecutionProvider"};
constexpr std::string_view kHidden[] = {
#ifdef TENON_HAVE_REMOTE
    "RemoteExecutionProvider",
#endif
    "TestDeviceExecutionProvider"};

}  // namespace

std::unique_ptr<Provider> make_provider(std::string_view name, const std::map<std::string, std::string>& options) {
  if (name == "CPUExecutionProvider") return std::make_unique<CpuProvider>();
  if (name == "TestDeviceExecutionProvider")
    return std::make_unique<testdevice::TestDevice>(testdevice::Options::parse(options));
#ifdef TENON_HAVE_REMOTE
  if (name == "AzureExecutionProvider" || name == "RemoteExecutionProvider")
    return std::make_unique<remote::Remote>(remote::Options::parse(options));
#endif
  return library::make_provider(name, options);
}

std::span<const std::string_view> available_providers() { return kAvailable; }
bool is_hidden_provider(std::string_view name) {
  return std::ranges::find(kHidden, name) != std::end(kHidden) || library::has_provider(name);
}
bool is_secret_option(std::string_view key) { return key == "auth_header"; }

}  // namespace tenon::ep
