// make_provider: providers by name.
#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "ep/provider.h"

namespace tenon::ep {

/// A provider of this build or of a registered library, or null when there is none of that name. Throws
/// kInvalidArgument for wrong options.
std::unique_ptr<Provider> make_provider(std::string_view name, const std::map<std::string, std::string>& options);

/// Names of the providers of this build, highest priority first; the CPU's is last.
std::span<const std::string_view> available_providers();
/// True for other names that make_provider knows: providers of registered libraries, those that exist for tests only,
/// second names.
bool is_hidden_provider(std::string_view name);

/// True for options that reports and messages must not show ("auth_header").
bool is_secret_option(std::string_view key);

}  // namespace tenon::ep
