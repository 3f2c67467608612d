// Session: construction and what can be asked of one; setup.cc, build.cc and run.cc do the work.
#include "tenon/session.h"

#include "base/error.h"
#include "base/log_sink.h"
#include "base/seed.h"
#include "base/value_data.h"
#include "graph/text.h"
#include "onnx/write.h"
#include "session/env.h"
#include "session/impl.h"
#include "session/provider_calls.h"

namespace tenon {

using session::Profiler;

Session::Session(const std::string& path, const SessionOptions& options) : impl_(std::make_unique<Impl>(options)) {
  const auto begin = Profiler::Clock::now();
  impl_->path = path;
  auto g = onnx::load_file(path, impl_->load_options());
  impl_->stage("load", begin);
  if (impl_->profiler) impl_->profiler->session_event("model_loading_uri", begin, Profiler::Clock::now());
  impl_->build(std::move(g));
  if (impl_->profiler) impl_->profiler->session_event("session_initialization", begin, Profiler::Clock::now());
}

Session::Session(std::span<const uint8_t> model, const SessionOptions& options)
    : impl_(std::make_unique<Impl>(options)) {
  const auto begin = Profiler::Clock::now();
  auto g = onnx::load_bytes(std::as_bytes(model), impl_->load_options());
  impl_->stage("load", begin);
  if (impl_->profiler) impl_->profiler->session_event("model_loading_array", begin, Profiler::Clock::now());
  impl_->build(std::move(g));
  if (impl_->profiler) impl_->profiler->session_event("session_initialization", begin, Profiler::Clock::now());
}

Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

const std::vector<NodeArg>& Session::inputs() const { return impl_->inputs; }
const std::vector<NodeArg>& Session::outputs() const { return impl_->outputs; }
const std::vector<NodeArg>& Session::overridable_initializers() const { return impl_->overridable; }
const ModelMetadata& Session::metadata() const { return impl_->metadata; }
const std::vector<std::string>& Session::providers() const { return impl_->provider_names; }
const std::map<std::string, std::map<std::string, std::string>>& Session::provider_options() const {
  return impl_->provider_opts;
}
const SessionOptions& Session::options() const { return impl_->options; }
const LoadReport& Session::load_report() const { return impl_->report; }

std::string Session::end_profiling() {
  if (!impl_->profiler) return {};
  session::trace_providers(impl_->providers, false);
  session::collect_traces(impl_->providers, *impl_->profiler);
  return impl_->profiler->end();
}
void Session::set_ep_dynamic_options(const std::map<std::string, std::string>& options) const {
  session::set_dynamic_options(impl_->providers, options, impl_->log);
}
uint64_t Session::profiling_start_time_ns() const { return impl_->profiler ? impl_->profiler->start_ns() : 0; }
std::string Session::graph_text() const { return graph::print(*impl_->graph, false); }
std::string Session::plan_text() const {
  std::string out = plan::to_string(*impl_->plan);
  for (const exec::PathUse& u : impl_->program->shapes.paths(*impl_->plan))
    out += fmt::format("signature: {} segments, {} bytes, at most {} alive\n", u.segments, u.slab_bytes, u.live_bytes);
  return out;
}
MemoryUse Session::memory_use() const { return impl_->memory.use(); }

std::string Session::model_bytes() const {
  const graph::Graph& g = impl_->saved_form ? *impl_->saved_form : *impl_->graph;
  bool complete = true;
  for (graph::ValueId v = 0; v < g.value_limit(); ++v) complete = complete && !ValueAccess::is_empty(g.constant(v));
  if (complete) return onnx::write_model(g, {.ops = *impl_->op_set});
  if (impl_->path.empty())
    fail(ErrorCode::kFail,
         "the session gave weights back after packing and its model came as bytes: create it with tenon.keep_weights = "
         "1, or set optimized_model_filepath");
  SessionOptions again = impl_->options;
  again.config.insert_or_assign("tenon.keep_weights", std::string{'1'});
  again.config.erase("tenon.memory_limit_bytes");
  again.optimized_model_filepath.clear();
  again.config.erase("session.optimized_model_filepath");
  again.config.erase("session.enable_profiling");
  again.config.erase("ep.context_enable");
  again.enable_profiling = false;
  return Session(impl_->path, again).model_bytes();
}

void set_seed(int64_t seed) { set_default_seed(static_cast<uint64_t>(seed)); }
std::string version() { return TENON_VERSION; }
void set_default_log_sink(LogSink sink) {
  if (!sink) return set_default_sink({});
  set_default_sink([sink = std::move(sink)](Severity severity, std::string_view id, std::string_view m) {
    sink(static_cast<int>(severity), id, m);
  });
}
void set_default_log_severity(int severity) {
  if (severity < 0 || severity > 4) fail("log severity: {} found, expected 0 (verbose) to 4 (fatal)", severity);
  session::set_default_severity(static_cast<Severity>(severity));
}

}  // namespace tenon
