// make_provider: providers by name.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "ep/provider.h"

namespace tenon::ep {

/// A provider of this build, or null when it has none of that name. Throws kInvalidArgument for wrong options.
std::unique_ptr<Provider> make_provider(std::string_view name, const std::map<std::string, std::string>& options);

/// True for providers that exist for tests only: usable by name, never listed as available.
bool is_hidden_provider(std::string_view name);

}  // namespace tenon::ep
