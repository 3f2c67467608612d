// Provider options → Options.
#include "ep/remote/options.h"

#include <algorithm>

#include "base/error.h"
#include "ep/option_text.h"

namespace tenon::ep::remote {
namespace {

constexpr int kDayMs = 86'400'000;

std::string endpoint_of(std::string text) {
  const size_t scheme = text.starts_with("http://") ? 7 : text.starts_with("https://") ? 8 : 0;
  const std::string authority = text.substr(scheme, text.find('/', scheme) - scheme);
  if (authority.find('@') != std::string::npos)
    fail("provider option endpoint: it holds a user name or password; expected http://HOST[:PORT], with auth_header");
  if (!scheme || authority.empty() || text.find_first_of("?# \r\n\t") != std::string::npos)
    fail("provider option endpoint: \"{}\" found, expected http://HOST[:PORT][/PREFIX] or https://...", text);
  while (text.ends_with('/')) text.pop_back();
  return text;
}

/// A header line; the message shows nothing of a secret.
std::string header_of(const std::string& text) {
  if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    fail("provider option auth_header: a control character found, expected one line");
  const size_t colon = text.find(": ");
  const bool has_name = colon != std::string::npos && text.find(' ') > colon;
  return has_name ? text : "Authorization: " + text;
}

std::map<std::string, std::string> renames_of(const std::string& text) {
  std::map<std::string, std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(';', at), text.size());
    const std::string pair = text.substr(at, end - at);
    const size_t equals = pair.rfind('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size())
      fail("provider option rename: \"{}\" found, expected VALUE=TENSOR;VALUE=TENSOR...", pair);
    out[pair.substr(0, equals)] = pair.substr(equals + 1);
    at = end + 1;
  }
  return out;
}

}  // namespace

Options Options::parse(const std::map<std::string, std::string>& text) {
  Options o;
  for (const auto& [key, value] : text) {
    if (key == "endpoint") {
      o.endpoint = endpoint_of(value);
    } else if (key == "model_name") {
      o.model_name = value;
    } else if (key == "model_version") {
      o.model_version = value;
    } else if (key == "nodes") {
      o.nodes = option_list(value);
    } else if (key == "ops") {
      o.ops = option_list(value);
    } else if (key == "rename") {
      o.rename = renames_of(value);
    } else if (key == "timeout_ms") {
      o.timeout_ms = option_number(key, value, 1, kDayMs);
    } else if (key == "connect_timeout_ms") {
      o.connect_timeout_ms = option_number(key, value, 1, kDayMs);
    } else if (key == "retries") {
      o.retries = option_number(key, value, 0, 20);
    } else if (key == "backoff_ms") {
      o.backoff_ms = option_number(key, value, 0, 60'000);
    } else if (key == "ca_file") {
      o.ca_file = value;
    } else if (key == "verify") {
      o.verify = option_flag(key, value);
    } else if (key == "auth_header") {
      o.auth_header = header_of(value);
    } else if (key == "binary") {
      o.encoding = option_flag(key, value) ? Encoding::kBinary : Encoding::kJson;
    } else if (key == "metadata") {
      o.metadata = option_flag(key, value);
    } else if (key == "fallback_cpu") {
      o.fallback_cpu = option_flag(key, value);
    } else if (key == "max_response_mb") {
      o.max_response_bytes = option_number<size_t>(key, value, 1, 1 << 20) << 20;
    } else {
      fail("the remote provider has no option \"{}\"", key);
    }
  }
  if (o.endpoint.empty() && !text.empty())
    fail("the remote provider has options, but not where the server is: endpoint");
  if (!o.endpoint.empty() && o.model_name.empty()) fail("provider option model_name is missing for {}", o.endpoint);
  o.all_nodes = o.nodes.erase("*") > 0 || (o.nodes.empty() && o.ops.empty());
  return o;
}

}  // namespace tenon::ep::remote
