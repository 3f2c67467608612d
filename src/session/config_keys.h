// The one table of string options: ORT's keys and ours, in three classes.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"

namespace tenon::session {

enum class KeyClass : unsigned char {
  kHonoured,
  kNotApplicable,  ///< nothing here that it could change: accepted, said at INFO
  kNotYet,         ///< accepted with one warning
};
enum class KeyValue : unsigned char { kBool, kInt, kText };

struct ConfigKey {
  std::string_view name;
  KeyClass cls;
  KeyValue value;
  std::string_view meaning;
};

std::span<const ConfigKey> session_keys();
std::span<const ConfigKey> run_keys();

/// Checks keys and values: an unknown key gives one warning with the nearest known one ("ep.*" keys belong to providers
/// and pass), a wrong value throws kInvalidArgument naming key, value and what is expected.
void check_config(const std::map<std::string, std::string>& config, std::span<const ConfigKey> keys, const char* what,
                  const Logger& log);

bool config_bool(const std::map<std::string, std::string>& config, const std::string& key, bool def);
int64_t config_int(const std::map<std::string, std::string>& config, const std::string& key, int64_t def);
std::string config_text(const std::map<std::string, std::string>& config, const std::string& key, std::string def = {});

}  // namespace tenon::session
