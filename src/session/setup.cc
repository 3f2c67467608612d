// From options to a session without a model: log, providers, wishes about placement.
#include <algorithm>

#include "base/error.h"
#include "ep/registry.h"
#include "ops/custom_op.h"
#include "session/config_keys.h"
#include "session/effective_options.h"
#include "session/env.h"
#include "session/impl.h"
#include "session/provider_calls.h"

namespace tenon {
namespace {

Logger::Sink sink(const LogSink& s) {
  if (!s) return {};
  return [s](Severity severity, std::string_view id, std::string_view m) { s(static_cast<int>(severity), id, m); };
}

}  // namespace

Session::Impl::Impl(const SessionOptions& given)
    : options(session::effective_options(given)),
      log(options.logid.empty() ? "session" : options.logid,
          options.log_severity_level < 0 ? session::default_severity()
                                         : static_cast<Severity>(options.log_severity_level),
          sink(options.log_sink)),
      op_set(ops::op_set_with(options.custom_ops)) {
  session::check_config(options.config, session::session_keys(), "session", log);
  specs = session::effective_providers(options, log);
  for (const ProviderSpec& p : specs) {
    const auto instances = std::ranges::count(provider_names, p.name);
    provider_names.push_back(p.name);
    for (auto& [option, text] : provider_opts.try_emplace(p.name, p.options).first->second)
      if (ep::is_secret_option(option)) text = "***";
    providers.push_back(ep::make_provider(p.name, p.options));
    if (!providers.back()->takes_part()) continue;
    const std::string key = instances ? fmt::format("{}:{}", p.name, instances) : p.name;
    placement.providers.push_back({key, providers.back().get()});
  }
  read_wishes();
  placing = session::PlacementOptions::parse(options.config);
  const std::string lanes = session::config_text(options.config, "tenon.parallel", "measured");
  if (lanes != "measured" && lanes != "always")
    fail("tenon.parallel: \"{}\" found, expected measured or always", lanes);
  lanes_always = lanes == "always";
  flush_denormals = session::config_bool(options.config, "session.set_denormal_as_zero", false);
  if (!options.enable_profiling) return;
  profiler = std::make_unique<session::Profiler>(options.profile_file_prefix);
  session::trace_providers(providers, true);
}

void Session::Impl::read_wishes() {
  wishes.cpu_fallback = !session::config_bool(options.config, "session.disable_cpu_ep_fallback", false);
  const bool cpu_asked =
      std::ranges::any_of(options.providers, [](const ProviderSpec& p) { return p.name == "CPUExecutionProvider"; });
  if (!wishes.cpu_fallback && cpu_asked)
    fail("session.disable_cpu_ep_fallback is set, but the list of providers names CPUExecutionProvider");
  const std::string pins = session::config_text(options.config, "tenon.place_nodes");
  for (size_t at = 0; at < pins.size();) {
    const size_t end = std::min(pins.find(';', at), pins.size());
    const std::string pin = pins.substr(at, end - at);
    const size_t equals = pin.rfind('=');
    if (equals == std::string::npos || equals == 0)
      fail("tenon.place_nodes: \"{}\" found, expected NODE=PROVIDER;NODE=PROVIDER...", pin);
    wishes.pinned[pin.substr(0, equals)] = pin.substr(equals + 1);
    at = end + 1;
  }
}

onnx::LoadOptions Session::Impl::load_options() {
  onnx::LoadOptions o{.ops = *op_set};
  o.weights = session::config_text(options.config, "tenon.weights", "mapped") == "read" ? onnx::Weights::kRead
                                                                                        : onnx::Weights::kMapped;
  o.external_dir = session::config_text(options.config, "session.model_external_initializers_file_folder_path");
  const std::string dirs = session::config_text(options.config, "tenon.external_data_dirs");
  for (size_t at = 0; at < dirs.size();) {
    const size_t end = std::min(dirs.find(':', at), dirs.size());
    if (end > at) o.allowed_dirs.emplace_back(dirs.substr(at, end - at));
    at = end + 1;
  }
  o.logger = &log;
  external.tensors = options.external_initializers;
  for (const auto& [location, bytes] : options.external_files) external.files.emplace(location, bytes);
  o.external = &external;
  o.strict = session::config_bool(options.config, "session.strict_shape_type_inference", false);
  return o;
}

}  // namespace tenon
