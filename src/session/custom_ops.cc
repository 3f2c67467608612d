// Custom operators of SessionOptions: domains and libraries of them.
#include "base/error.h"
#include "base/library.h"
#include "ops/custom_op.h"
#include "ops/plugin.h"
#include "tenon/session.h"

namespace tenon {
namespace {

using Domain = std::shared_ptr<const plugin::CustomOps>;

void append(std::vector<Domain>& to, std::span<const Domain> more) {
  std::vector<Domain> all = to;
  all.insert(all.end(), more.begin(), more.end());
  ops::op_set_with(all);
  to = std::move(all);
}

/// What a library has added, with the library, which is needed until the last of it is gone.
struct Loaded {
  explicit Loaded(const std::string& path) : library(path) {}
  PluginLibrary library;
  std::vector<plugin::CustomOps> domains;
};

}  // namespace

void SessionOptions::add_custom_ops(plugin::CustomOps added) {
  const Domain domain = std::make_shared<const plugin::CustomOps>(std::move(added));
  append(custom_ops, {&domain, 1});
}

void SessionOptions::register_custom_ops_library(const std::string& path) {
  const auto loaded = std::make_shared<Loaded>(path);
  constexpr const char* kEntry = "tenon_custom_ops";
  if (!loaded->library.has(kEntry) && loaded->library.has("RegisterCustomOps"))
    fail(ErrorCode::kNotImplemented,
         "library \"{}\" has operators for onnxruntime's C interface (RegisterCustomOps), expected {}", path, kEntry);
  const auto& entry =
      *static_cast<const plugin::CustomOpsEntry*>(loaded->library.entry(kEntry, plugin::kApiVersion, plugin::kAbi));
  try {
    ops::guarded([&] { entry.add(loaded->domains); });
    std::vector<Domain> domains;
    for (const plugin::CustomOps& d : loaded->domains) domains.emplace_back(loaded, &d);
    append(custom_ops, domains);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("library \"{}\": {}", path, e.what()), e.reason(), e.limit());
  }
}

}  // namespace tenon
