// Providers from shared libraries (tenon/provider.h), under their names.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "ep/provider.h"

namespace tenon::ep::library {

/// A provider of a registered library, or null when none has one of that name. It keeps the library loaded. Throws what
/// the library says about the options.
std::unique_ptr<Provider> make_provider(std::string_view name, const std::map<std::string, std::string>& options);
bool has_provider(std::string_view name);

}  // namespace tenon::ep::library
