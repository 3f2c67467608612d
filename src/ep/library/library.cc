// The registered libraries of the process. Nothing here has a destructor that runs at exit.
#include "ep/library/library.h"

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "base/library.h"
#include "ep/library/adapter.h"
#include "ep/registry.h"
#include "ops/plugin.h"

namespace tenon::ep::library {
namespace {

struct Library {
  explicit Library(const std::string& path) : file(path) {}
  PluginLibrary file;
  std::vector<plugin::ProviderFactory> factories;
};

struct Registered {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const Library>> all;

  /// The factory of that name, with its library; null when there is none.
  std::shared_ptr<const plugin::ProviderFactory> find(std::string_view name) {
    const std::lock_guard lock(mutex);
    for (const auto& [key, library] : all)
      for (const plugin::ProviderFactory& f : library->factories)
        if (f.name == name) return {library, &f};
    return nullptr;
  }
};

Registered& registered() {
  static auto* r = new Registered;
  return *r;
}

std::shared_ptr<const Library> load(const std::string& path) {
  const auto library = std::make_shared<Library>(path);
  constexpr const char* kEntry = "tenon_providers";
  if (!library->file.has(kEntry) && library->file.has("CreateEpFactories"))
    fail(ErrorCode::kNotImplemented,
         "library \"{}\" has providers for onnxruntime's C interface (CreateEpFactories), expected {}", path, kEntry);
  const auto& entry =
      *static_cast<const plugin::ProvidersEntry*>(library->file.entry(kEntry, plugin::kApiVersion, plugin::kAbi));
  ops::guarded([&] { entry.add(library->factories); });
  for (const plugin::ProviderFactory& f : library->factories) {
    if (f.name.empty()) fail("library \"{}\": a provider has no name", path);
    if (!f.make) fail("library \"{}\": provider {} has no make function", path, f.name);
    const auto same = [&](const plugin::ProviderFactory& other) { return other.name == f.name; };
    if (std::ranges::count(available_providers(), f.name) || is_hidden_provider(f.name) ||
        std::ranges::count_if(library->factories, same) > 1)
      fail("library \"{}\": there is a provider {} already", path, f.name);
  }
  return library;
}

}  // namespace

std::unique_ptr<Provider> make_provider(std::string_view name, const std::map<std::string, std::string>& options) {
  const auto factory = registered().find(name);
  if (!factory) return nullptr;
  auto provider = ops::guarded([&] { return factory->make(options); });
  if (!provider) fail(ErrorCode::kEpFail, "{}: its library made no provider", name);
  return std::make_unique<Adapter>(factory, factory->name, std::move(provider));
}

bool has_provider(std::string_view name) { return registered().find(name) != nullptr; }

}  // namespace tenon::ep::library

namespace tenon {

void register_provider_library(const std::string& name, const std::string& path) {
  using namespace ep::library;
  if (name.empty()) fail("register_provider_library: expected a name for the library \"{}\"", path);
  {
    const std::lock_guard lock(registered().mutex);
    if (registered().all.contains(name)) fail("a provider library is registered as \"{}\" already", name);
  }
  std::shared_ptr<const Library> library = load(path);
  const std::lock_guard lock(registered().mutex);
  for (const auto& [key, other] : registered().all)
    for (const plugin::ProviderFactory& f : other->factories)
      for (const plugin::ProviderFactory& mine : library->factories)
        if (mine.name == f.name)
          fail("library \"{}\": there is a provider {} already, of library \"{}\"", path, f.name, key);
  if (!registered().all.emplace(name, std::move(library)).second)
    fail("a provider library is registered as \"{}\" already", name);
}

void unregister_provider_library(const std::string& name) {
  using namespace ep::library;
  std::shared_ptr<const Library> last;  // unloaded without the lock
  const std::lock_guard lock(registered().mutex);
  const auto it = registered().all.find(name);
  if (it == registered().all.end()) fail(ErrorCode::kFail, "no provider library is registered as \"{}\"", name);
  if (it->second.use_count() > 1)
    fail(ErrorCode::kFail, "provider library \"{}\" is in use: end the sessions of its providers first", name);
  last = std::move(it->second);
  registered().all.erase(it);
}

std::vector<ProviderDevice> provider_devices() {
  using namespace ep::library;
  const std::lock_guard lock(registered().mutex);
  std::vector<ProviderDevice> out;
  for (const auto& [name, library] : registered().all)
    for (const plugin::ProviderFactory& f : library->factories) {
      const std::vector<plugin::HardwareDevice> host(1);
      for (const plugin::HardwareDevice& d : f.devices.empty() ? host : f.devices)
        out.push_back({f.name, f.vendor, f.version, d});
    }
  return out;
}

}  // namespace tenon
