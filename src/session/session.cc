// Session: bytes → graph → passes → placement → plan, then runs.
#include "tenon/session.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <unordered_map>

#include "base/error.h"
#include "base/log_sink.h"
#include "base/seed.h"
#include "base/value_data.h"
#include "ep/registry.h"
#include "exec/evaluate.h"
#include "exec/frame.h"
#include "graph/text.h"
#include "graph/verify.h"
#include "onnx/load.h"
#include "onnx/write.h"
#include "ops/op.h"
#include "partition/partition.h"
#include "passes/pass.h"
#include "session/config_keys.h"
#include "session/default_group.h"
#include "session/effective_options.h"
#include "session/env.h"
#include "session/load_facts.h"
#include "session/memory.h"
#include "session/observe.h"
#include "session/profiler.h"
#include "session/signature.h"

namespace tenon {

using session::Profiler;

namespace {

bool overlap(const Value& a, const Value& b) {
  if (!a.is_tensor() || !b.is_tensor() || !a.bytes() || !b.bytes()) return false;
  const auto *p = static_cast<const char*>(a.data()), *q = static_cast<const char*>(b.data());
  return p < q + b.bytes() && q < p + a.bytes();
}

/// run_start and run_end of the providers around a run.
class ProviderCalls {
 public:
  explicit ProviderCalls(const std::vector<std::unique_ptr<ep::Provider>>& providers) : providers_(providers) {
    for (const auto& p : providers_) p->run_start();
  }
  ~ProviderCalls() {
    for (const auto& p : providers_) p->run_end();
  }
  ProviderCalls(const ProviderCalls&) = delete;
  ProviderCalls& operator=(const ProviderCalls&) = delete;

 private:
  const std::vector<std::unique_ptr<ep::Provider>>& providers_;
};

}  // namespace

struct Session::Impl {
  explicit Impl(const SessionOptions& given)
      : options(session::effective_options(given)),
        log(options.logid.empty() ? "session" : options.logid,
            options.log_severity_level < 0 ? session::default_severity()
                                           : static_cast<Severity>(options.log_severity_level),
            sink(options.log_sink)) {
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
    const std::string lanes = session::config_text(options.config, "tenon.parallel", "measured");
    if (lanes != "measured" && lanes != "always")
      fail("tenon.parallel: \"{}\" found, expected measured or always", lanes);
    lanes_always = lanes == "always";
    if (options.enable_profiling) profiler = std::make_unique<Profiler>(options.profile_file_prefix);
  }

  void read_wishes() {
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

  static Logger::Sink sink(const LogSink& s) {
    if (!s) return {};
    return [s](Severity severity, std::string_view id, std::string_view m) { s(static_cast<int>(severity), id, m); };
  }

  void stage(const char* name, Profiler::Clock::time_point begin) {
    const auto now = Profiler::Clock::now();
    report.stage_ms.emplace_back(name, std::chrono::duration<double, std::milli>(now - begin).count());
  }

  onnx::LoadOptions load_options() {
    onnx::LoadOptions o{.ops = ops::builtin_ops()};
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

  void check_load_cancel() const {
    if (options.load_cancel && options.load_cancel->load())
      throw Error(ErrorCode::kModelLoadCanceled, "session creation was cancelled", ErrorReason::kCancelled);
  }

  void build(std::unique_ptr<graph::Graph> g) {
    auto begin = Profiler::Clock::now();
    check_load_cancel();
    apply_overrides(*g);
    report.nodes_loaded = g->live_nodes();
    read_signature(*g);
    optimize(*g);
    stage("optimize", begin);
    check_load_cancel();
    report.nodes_final = g->live_nodes();
    save(*g);
    begin = Profiler::Clock::now();
    memory.share_constants(*g);
    if (placement.providers.size() > 1) saved_form = g->clone();
    const auto on_default = [this](const ep::Subgraph& group) {
      return session::default_group(group, &memory, memory.allocator(), active_isa());
    };
    partition::lower(*g, placement, wishes, {&memory, active_isa(), &log, on_default});
    if (session::config_bool(options.config, "tenon.verify", false)) {
      graph::verify(*g);
      partition::verify_placed(*g, placement);
    }
    if (const std::string line = partition::summary(placement); !line.empty())
      log.log(Severity::kWarning, "placement: {}", line);
    graph = std::move(g);
    const bool keep = session::config_bool(options.config, "tenon.keep_weights", false);
    plan = plan::make_plan(graph, {.reuse = options.enable_mem_reuse,
                                   .store = &memory,
                                   .isa = active_isa(),
                                   .placed = &placement,
                                   .weight_handles = keep         ? 0
                                                     : saved_form ? 2
                                                                  : 1});
    memory.charge_constants(*plan);
    report.memory = session::planned_memory(*plan);
    report.make_placement = session::placement_facts(graph, placement, wishes, *plan);
    program = std::make_unique<exec::Program>(*plan, options.enable_mem_pattern);
    frames = std::make_unique<exec::FramePool>(*program, memory.allocator(), options.enable_cpu_mem_arena);
    make_pool();
    index_results();
    stage("plan", begin);
  }

  void apply_overrides(graph::Graph& g) {
    for (const auto& [name, value] : external.tensors)
      if (!external.used.contains(name))
        fail("add_external_initializers: the model has no initializer \"{}\" whose data is external", name);
    external = {};
    for (const auto& [name, value] : options.initializers) {
      const graph::ValueId v = g.find_value(name);
      if (v == graph::kNone || !g.value(v).data) fail("add_initializer: the model has no initializer \"{}\"", name);
      session::check_feed(name, g.type(v), value);
      // A view of the caller's tensor: its memory is never ours to give back.
      g.edit_value(v).data =
          !value.is_tensor() || value.dtype() == DType::kString ? value : value.reshaped(value.dims());
    }
    if (!options.free_dimension_overrides_by_denotation.empty())
      log.log(Severity::kWarning, "free dimension overrides by denotation have no effect yet");
    if (options.free_dimension_overrides_by_name.empty()) return;
    for (graph::ValueId v : g.region().args) {
      ValueType t = g.type(v);
      for (int64_t& d : t.dims) {
        if (!is_symbol(d)) continue;
        const auto it = options.free_dimension_overrides_by_name.find(g.symbols().to_string(d));
        if (it != options.free_dimension_overrides_by_name.end()) d = it->second;
      }
      g.set_type(v, std::move(t));
    }
    ops::infer_types(g);
  }

  void optimize(graph::Graph& g) {
    passes::PassOptions o;
    o.level = static_cast<passes::Level>(options.graph_optimization_level);
    o.disabled = options.disabled_optimizers;
    o.stop_after_rewrite = session::config_int(options.config, "tenon.stop_after_rewrite", -1);
    o.max_rounds = options.max_num_graph_transformation_steps;
    const int64_t cap =
        session::config_int(options.config, "optimization.constant_folding_max_output_size_in_bytes", int64_t{1} << 30);
    if (cap < 0) fail("optimization.constant_folding_max_output_size_in_bytes: {} found, expected >= 0", cap);
    o.fold_bytes = cap == 0 ? SIZE_MAX : static_cast<size_t>(cap);
    o.verify = session::config_bool(options.config, "tenon.verify", false);
    o.log = &log;
    o.own_provider = placement.providers.back().key;
    passes::PassManager manager(
        g, o, [cap = o.fold_bytes](const graph::Graph& gr, graph::NodeId n) { return exec::fold(gr, n, cap); });
    manager.run(passes::Level::kNone, std::min(o.level, passes::Level::kBasic));
    partition::assign(g, placement, wishes);
    if (placement.inlined_calls && o.level >= passes::Level::kBasic)
      manager.run(passes::Level::kNone, passes::Level::kBasic);
    if (o.level > passes::Level::kBasic) manager.run(passes::Level::kBasic, o.level);
    partition::assign(g, placement, wishes);
    for (const auto& f : manager.report().fired)
      report.rewrites.push_back({f.pass, g.interned(f.node_name), f.nodes_removed});
    for (const auto& s : manager.report().skipped)
      report.near_misses.push_back(
          {s.pass, g.interned(s.node_name), s.reason + (s.about.empty() ? "" : " (" + s.about + ")")});
    for (const auto& t : manager.report().times)
      report.stage_ms.emplace_back(std::string("pass:") + t.pass, static_cast<double>(t.ns) / 1e6);
  }

  void save(const graph::Graph& g) const {
    if (options.optimized_model_filepath.empty()) return;
    onnx::WriteOptions w{.ops = ops::builtin_ops()};
    w.external_file = session::config_text(options.config, "session.optimized_model_external_initializers_file_name");
    w.external_min_bytes = session::config_int(
        options.config, "session.optimized_model_external_initializers_min_size_in_bytes", w.external_min_bytes);
    onnx::save_file(g, options.optimized_model_filepath, w);
  }

  void read_signature(const graph::Graph& g) {
    const graph::Region& r = g.region();
    for (size_t i = 0; i < r.args.size(); ++i) {
      const graph::ValueInfo& v = g.value(r.args[i]);
      NodeArg a = session::node_arg(g, v.name, v.type);
      feed_index[v.name] = i;
      feed_types.push_back(v.type);
      defaults.push_back(v.data);
      (v.data ? overridable : inputs).push_back(std::move(a));
    }
    for (size_t i = 0; i < r.results.size(); ++i) {
      const std::string& name = i < r.result_names.size() ? r.result_names[i] : g.value(r.results[i]).name;
      outputs.push_back(session::node_arg(g, name, g.type(r.results[i])));
    }
    metadata = session::metadata_of(g);
  }

  static int resolved(int threads) { return threads == 0 ? ThreadPool::default_threads() : threads; }
  /// How many nodes may run at once.
  int lanes() const {
    return options.execution_mode == ExecutionMode::kParallel ? resolved(options.inter_op_num_threads) : 1;
  }

  void make_pool() {
    if (!options.use_per_session_threads) {
      pool = session::shared_pool();
      return;
    }
    ThreadPool::Options o;
    o.threads = std::max(resolved(options.intra_op_num_threads), lanes());
    o.affinity = session::config_text(options.config, "session.intra_op_thread_affinities");
    const int64_t spin = session::config_int(options.config, "session.intra_op.spin_duration_us", -1);
    if (spin >= 0) o.spin_us = static_cast<int>(std::min<int64_t>(spin, 1000));
    if (!session::config_bool(options.config, "session.intra_op.allow_spinning", true)) o.spin_us = 0;
    if (o.threads > 1) pool = std::make_shared<ThreadPool>(o);
  }

  void index_results() {
    for (size_t i = 0; i < outputs.size(); ++i) fetch_index[outputs[i].name] = i;
  }

  /// memory.enable_memory_arena_shrinkage names devices: "cpu:0;gpu:0".
  bool shrinks_after(const RunOptions& o) const {
    const auto it = o.config.find("memory.enable_memory_arena_shrinkage");
    if (it == o.config.end()) return false;
    for (size_t at = 0; at < it->second.size();) {
      const size_t end = std::min(it->second.find(';', at), it->second.size());
      const std::string device = it->second.substr(at, end - at);
      if (device == "cpu:0" || device == "cpu") return true;
      at = end + 1;
    }
    log.log(Severity::kWarning, "memory.enable_memory_arena_shrinkage: \"{}\" names no device here, expected cpu:0",
            it->second);
    return false;
  }

  size_t find_feed(const std::string& name, size_t hint) const {
    if (hint < plan->arguments.size() && plan->arguments[hint].name == name) return hint;
    const auto it = feed_index.find(name);
    if (it == feed_index.end()) {
      std::string known;
      for (const auto& a : inputs) known += (known.empty() ? "" : ", ") + a.name;
      fail("Invalid input name: {} found, expected one of: {}", name, known);
    }
    return it->second;
  }

  size_t find_fetch(const std::string& name, size_t hint) const {
    if (hint < outputs.size() && outputs[hint].name == name) return hint;
    const auto it = fetch_index.find(name);
    if (it == fetch_index.end()) {
      std::string known;
      for (const auto& a : outputs) known += (known.empty() ? "" : ", ") + a.name;
      fail("Invalid output name: {} found, expected one of: {}", name, known);
    }
    return it->second;
  }

  void bind_feeds(exec::Frame& f, std::span<const std::string> names, std::span<const Value> feeds) const {
    constexpr size_t kFast = 64;
    uint64_t fed = 0;
    std::vector<bool> many(feed_types.size() > kFast ? feed_types.size() : 0);
    for (size_t i = 0; i < names.size(); ++i) {
      const size_t at = find_feed(names[i], i);
      session::check_feed(names[i], feed_types[at], feeds[i]);
      if (feed_types[at].kind == ValueKind::kOptional && feeds[i].kind() != ValueKind::kOptional)
        f.bind(at, Value::optional(feeds[i]));
      else
        f.bind(at, feeds[i]);
      if (many.empty())
        fed |= uint64_t{1} << at;
      else
        many[at] = true;
    }
    for (size_t i = 0; i < feed_types.size(); ++i) {
      if (many.empty() ? (fed >> i & 1) != 0 : static_cast<bool>(many[i])) continue;
      if (!defaults[i]) {
        std::string missing;
        for (size_t k = i; k < feed_types.size(); ++k)
          if (!defaults[k] && !(many.empty() ? (fed >> k & 1) != 0 : static_cast<bool>(many[k])))
            missing += (missing.empty() ? "" : ", ") + plan->arguments[k].name;
        fail("Missing Input: {}", missing);
      }
      f.bind(i, defaults[i]);
    }
  }

  SessionOptions options;
  std::string path;  ///< of the model file, "" for a model from bytes
  Logger log;
  std::vector<ProviderSpec> specs;
  std::vector<std::string> provider_names;
  std::map<std::string, std::map<std::string, std::string>> provider_opts;
  std::unique_ptr<Profiler> profiler;
  LoadReport report;
  std::vector<std::unique_ptr<ep::Provider>> providers;
  onnx::ExternalData external;
  partition::Placement placement;
  partition::Wishes wishes;
  session::SessionMemory memory{options, session::env()};
  std::shared_ptr<const graph::Graph> graph;
  std::unique_ptr<const graph::Graph> saved_form;  ///< before groups and copies, when there may be some
  bool lanes_always = false;
  std::unique_ptr<plan::Plan> plan;
  std::unique_ptr<exec::Program> program;
  std::unique_ptr<exec::FramePool> frames;
  std::shared_ptr<ThreadPool> pool;
  std::vector<NodeArg> inputs, outputs, overridable;
  std::vector<ValueType> feed_types;
  std::vector<Value> defaults;
  std::unordered_map<std::string, size_t> feed_index, fetch_index;
  ModelMetadata metadata;
};

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

void Session::run(std::span<const std::string> feed_names, std::span<const Value> feeds,
                  std::span<const std::string> fetch_names, std::span<Value> fetches, const RunOptions& options) const {
  const Impl& s = *impl_;
  if (feed_names.size() != feeds.size()) fail("{} feed names given for {} feeds", feed_names.size(), feeds.size());
  if (fetch_names.size() != fetches.size())
    fail("{} fetch names given for {} fetches", fetch_names.size(), fetches.size());
  session::check_config(options.config, session::run_keys(), "run", s.log);
  struct Lease {  // gives the frame back whatever happens
    exec::FramePool& pool;
    std::unique_ptr<exec::Frame> frame;
    ~Lease() { pool.give(std::move(frame)); }
  } lease{*s.frames, s.frames->take()};
  exec::Frame& f = *lease.frame;
  s.bind_feeds(f, feed_names, feeds);
  std::vector<bool> late;
  for (size_t j = 0; j < fetch_names.size(); ++j) {
    const size_t at = s.find_fetch(fetch_names[j], j);
    if (!fetches[j].is_tensor()) continue;
    if (s.outputs[at].kind != ValueKind::kTensor ||
        (fetches[j].dtype() != s.outputs[at].dtype && s.outputs[at].dtype != DType::kUndefined))
      fail("output {}: the given buffer is a tensor of {}, expected {}", fetch_names[j], dtype_name(fetches[j].dtype()),
           s.outputs[at].type);
    if (fetches[j].dtype() == DType::kString) {  // copied at the end
      late.resize(fetches.size());
      late[j] = true;
      continue;
    }
    for (size_t k = 0; k < j; ++k)
      if (overlap(fetches[j], fetches[k]))
        fail("the buffers given for outputs {} and {} overlap", fetch_names[j], fetch_names[k]);
    // Feeds are read until the last step: a buffer that is also a feed is written when the run is over.
    if (std::ranges::none_of(feeds, [&](const Value& feed) { return overlap(feed, fetches[j]); }))
      f.bind_result(at, fetches[j]);
    else
      (late.resize(fetches.size()), late[j] = true);
  }
  CancelToken cancel;
  cancel.watch(options.terminate);
  if (!options.config.empty()) {
    const int64_t deadline = session::config_int(options.config, "tenon.deadline_ms", -1);
    if (deadline >= 0) cancel.set_deadline(CancelToken::Clock::now() + std::chrono::milliseconds(deadline));
  }
  exec::RunContext context{.par = {s.pool.get(), &cancel}};
  if (s.pool && s.lanes() > 1) {
    context.lane_pool = s.pool.get();
    context.lanes = s.lanes();
    context.lanes_always = s.lanes_always;
    if (s.options.intra_op_num_threads == 1) context.par.pool = nullptr;
  }
  const ProviderCalls calls(s.providers);
  if (s.profiler) {
    session::ProfileRun observer(*s.profiler, session::thread_observer());
    context.observer = &observer;
    f.run(context);
  } else {
    context.observer = session::thread_observer();
    f.run(context);
  }
  for (size_t j = 0; j < fetch_names.size(); ++j) {
    Value result = f.take_value(s.find_fetch(fetch_names[j], j));
    if (late.empty() || !late[j]) {
      fetches[j] = std::move(result);
      continue;
    }
    if (!std::ranges::equal(result.dims(), fetches[j].dims()))
      fail("output {}: the given buffer has shape {}, the result {}", fetch_names[j], to_string(fetches[j].dims()),
           to_string(result.dims()));
    if (result.dtype() == DType::kString)
      std::ranges::copy(result.string_data(), fetches[j].as_mutable<std::string>().begin());
    else
      std::memcpy(fetches[j].mutable_data(), result.data(), result.bytes());
  }
  if (!options.config.empty() && s.shrinks_after(options)) {
    f.reset();
    f.release_memory();
    s.frames->release_memory();
    s.memory.allocator()->shrink();
  } else if (s.memory.arena()) {
    s.memory.arena()->end_run();
  }
}

std::vector<Value> Session::run(const std::map<std::string, Value>& feeds, std::span<const std::string> fetch_names,
                                const RunOptions& options) const {
  std::vector<std::string> names, fetch(fetch_names.begin(), fetch_names.end());
  std::vector<Value> values;
  for (const auto& [name, value] : feeds) {
    names.push_back(name);
    values.push_back(value);
  }
  if (fetch.empty())
    for (const NodeArg& a : impl_->outputs) fetch.push_back(a.name);
  std::vector<Value> out(fetch.size());
  run(names, values, fetch, out, options);
  return out;
}

std::string Session::end_profiling() { return impl_->profiler ? impl_->profiler->end() : std::string(); }
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
  if (complete) return onnx::write_model(g, {.ops = ops::builtin_ops()});
  if (impl_->path.empty())
    fail(ErrorCode::kFail,
         "the session gave weights back after packing and its model came as bytes: create it with tenon.keep_weights = "
         "1, or set optimized_model_filepath");
  SessionOptions again = impl_->options;
  again.config["tenon.keep_weights"] = "1";
  again.config.erase("tenon.memory_limit_bytes");
  again.optimized_model_filepath.clear();
  again.config.erase("session.optimized_model_filepath");
  again.config.erase("session.enable_profiling");
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
