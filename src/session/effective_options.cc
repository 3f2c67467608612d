// Mirrors, ranges, provider names.
#include "session/effective_options.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"
#include "ep/registry.h"
#include "session/config_keys.h"

namespace tenon::session {
namespace {

constexpr std::string_view kKnown[] = {
    "NvTensorRTRTXExecutionProvider", "TensorrtExecutionProvider", "CUDAExecutionProvider",
    "MIGraphXExecutionProvider",      "OpenVINOExecutionProvider", "DnnlExecutionProvider",
    "VitisAIExecutionProvider",       "QNNExecutionProvider",      "NnapiExecutionProvider",
    "VSINPUExecutionProvider",        "JsExecutionProvider",       "CoreMLExecutionProvider",
    "ACLExecutionProvider",           "DmlExecutionProvider",      "RknpuExecutionProvider",
    "WebNNExecutionProvider",         "WebGpuExecutionProvider",   "XnnpackExecutionProvider",
    "CANNExecutionProvider",          "AzureExecutionProvider",    "ROCMExecutionProvider",
    "TvmExecutionProvider",           "CPUExecutionProvider"};

bool parse_bool(const std::map<std::string, std::string>& c, const char* key, bool now) {
  const auto it = c.find(key);
  if (it == c.end()) return now;
  if (it->second == "1" || it->second == "true") return true;
  if (it->second == "0" || it->second == "false") return false;
  fail("session config key \"{}\": value \"{}\" found, expected 0 or 1", key, it->second);
}

int to_int(const std::map<std::string, std::string>& c, const char* key, int now) {
  return static_cast<int>(config_int(c, key, now));
}

OptimizationLevel parse_level(const std::string& text, OptimizationLevel now) {
  if (text.empty()) return now;
  if (text == "disable_all" || text == "0") return OptimizationLevel::kDisableAll;
  if (text == "enable_basic" || text == "1") return OptimizationLevel::kEnableBasic;
  if (text == "enable_extended" || text == "2") return OptimizationLevel::kEnableExtended;
  if (text == "enable_layout" || text == "3") return OptimizationLevel::kEnableLayout;
  if (text == "enable_all" || text == "99") return OptimizationLevel::kEnableAll;
  fail(
      "session.graph_optimization_level: \"{}\" found, expected disable_all, enable_basic, enable_extended, "
      "enable_layout or enable_all",
      text);
}

std::string joined(std::span<const std::string_view> names) {
  std::string s;
  for (std::string_view n : names) s += (s.empty() ? "" : ", ") + std::string(n);
  return s;
}

/// "ep.<provider's name in lower case>.<option>" in the configuration; what the provider's entry says itself wins.
ProviderSpec with_config(ProviderSpec p, const std::map<std::string, std::string>& config) {
  std::string prefix = "ep." + p.name + ".";
  std::ranges::transform(prefix, prefix.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (auto it = config.lower_bound(prefix); it != config.end() && it->first.starts_with(prefix); ++it)
    p.options.emplace(it->first.substr(prefix.size()), it->second);
  return p;
}

}  // namespace

SessionOptions effective_options(SessionOptions o) {
  const auto& c = o.config;
  o.intra_op_num_threads = to_int(c, "session.intra_op_num_threads", o.intra_op_num_threads);
  o.inter_op_num_threads = to_int(c, "session.inter_op_num_threads", o.inter_op_num_threads);
  o.enable_cpu_mem_arena = parse_bool(c, "session.enable_cpu_mem_arena", o.enable_cpu_mem_arena);
  o.enable_mem_pattern = parse_bool(c, "session.enable_mem_pattern", o.enable_mem_pattern);
  o.use_per_session_threads = parse_bool(c, "session.use_per_session_threads", o.use_per_session_threads);
  o.use_deterministic_compute = parse_bool(c, "session.use_deterministic_compute", o.use_deterministic_compute);
  o.logid = config_text(c, "session.log_id", o.logid);
  o.log_severity_level = to_int(c, "session.log_severity_level", o.log_severity_level);
  o.log_verbosity_level = to_int(c, "session.log_verbosity_level", o.log_verbosity_level);
  o.optimized_model_filepath = config_text(c, "session.optimized_model_filepath", o.optimized_model_filepath);
  o.graph_optimization_level =
      parse_level(config_text(c, "session.graph_optimization_level"), o.graph_optimization_level);
  if (const std::string prefix = config_text(c, "session.enable_profiling"); !prefix.empty() && prefix != "0") {
    o.enable_profiling = true;
    if (prefix != "1") o.profile_file_prefix = prefix;
  }
  if (const std::string mode = config_text(c, "session.execution_mode"); !mode.empty()) {
    if (mode != "sequential" && mode != "parallel")
      fail("session.execution_mode: \"{}\" found, expected sequential or parallel", mode);
    o.execution_mode = mode == "parallel" ? ExecutionMode::kParallel : ExecutionMode::kSequential;
  }
  if (o.intra_op_num_threads < 0) fail("intra_op_num_threads: {} found, expected >= 0", o.intra_op_num_threads);
  if (o.inter_op_num_threads < 0) fail("inter_op_num_threads: {} found, expected >= 0", o.inter_op_num_threads);
  if (o.log_severity_level < -1 || o.log_severity_level > 4)
    fail("log_severity_level: {} found, expected -1 (process default) or 0 (verbose) to 4 (fatal)",
         o.log_severity_level);
  for (const char* key : {"session.load_model_format", "session.save_model_format"}) {
    const std::string format = config_text(c, key, "ONNX");
    if (format == "ORT") fail(ErrorCode::kNotImplemented, "{}: the ORT format is not supported, expected ONNX", key);
    if (format != "ONNX") fail("{}: \"{}\" found, expected ONNX", key, format);
  }
  if (const std::string w = config_text(c, "tenon.weights", "mapped"); w != "mapped" && w != "read")
    fail("tenon.weights: \"{}\" found, expected mapped or read", w);
  const std::string list = config_text(c, "optimization.disable_specified_optimizers");
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(';', at), list.size());
    if (end > at) o.disabled_optimizers.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return o;
}

std::vector<ProviderSpec> effective_providers(const SessionOptions& o, const Logger& log) {
  std::vector<ProviderSpec> out;
  std::set<std::pair<std::string, std::map<std::string, std::string>>> seen;
  for (const ProviderSpec& given : o.providers) {
    const ProviderSpec p = with_config(given, o.config);
    const bool hidden = ep::is_hidden_provider(p.name);
    if (!hidden && std::ranges::find(kKnown, p.name) == std::end(kKnown)) {
      const std::string_view near = nearest_name(p.name, kKnown);
      fail("unknown provider \"{}\"{}; known: {}", p.name, near.empty() ? "" : fmt::format(", did you mean {}?", near),
           joined(kKnown));
    }
    if (!seen.insert({p.name, p.options}).second) {
      log.log(Severity::kWarning, "provider {} is listed twice with the same options; the first entry counts", p.name);
      continue;
    }
    if (!has_provider(p.name)) {
      log.log(Severity::kWarning, "provider {} is not in this build; available: {}", p.name,
              joined(ep::available_providers()));
      continue;
    }
    out.push_back(p);
  }
  if (out.empty() || out.back().name != "CPUExecutionProvider") out.push_back({"CPUExecutionProvider", {}});
  return out;
}

}  // namespace tenon::session

namespace tenon {

std::vector<std::string> available_providers() {
  const auto names = ep::available_providers();
  return {names.begin(), names.end()};
}
bool has_provider(std::string_view name) {
  return ep::is_hidden_provider(name) || std::ranges::count(ep::available_providers(), name) > 0;
}
std::vector<std::string> all_providers() { return {std::begin(session::kKnown), std::end(session::kKnown)}; }

}  // namespace tenon
