// From a model to something that runs: overrides → passes → placement → plan.
#include <algorithm>

#include "base/error.h"
#include "exec/evaluate.h"
#include "graph/verify.h"
#include "onnx/write.h"
#include "ops/infer_types.h"
#include "partition/inline_functions.h"
#include "passes/pass.h"
#include "session/config_keys.h"
#include "session/contexts.h"
#include "session/default_group.h"
#include "session/env.h"
#include "session/impl.h"
#include "session/load_facts.h"
#include "session/signature.h"

namespace tenon {

using session::Profiler;

namespace {

int resolved(int threads) { return threads == 0 ? ThreadPool::default_threads() : threads; }

}  // namespace

void Session::Impl::stage(const char* name, Profiler::Clock::time_point begin) {
  const auto now = Profiler::Clock::now();
  report.stage_ms.emplace_back(name, std::chrono::duration<double, std::milli>(now - begin).count());
}

void Session::Impl::check_load_cancel() const {
  if (options.load_cancel && options.load_cancel->load())
    throw Error(ErrorCode::kModelLoadCanceled, "session creation was cancelled", ErrorReason::kCancelled);
}

void Session::Impl::build(std::unique_ptr<graph::Graph> g) {
  auto begin = Profiler::Clock::now();
  const session::ContextOptions contexts = session::context_options(options, path);
  check_load_cancel();
  apply_overrides(*g);
  report.nodes_loaded = g->live_nodes();
  read_signature(*g);
  make_pool();
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
  ep::CompileContext compile{&memory, active_isa(), &log, on_default};
  const onnx::LoadOptions load = load_options();
  session::add_context_services(compile, options, path, load);
  partition::lower(*g, placement, wishes, compile);
  external = {};  // load_options has listed them again
  if (contexts.enable)
    session::write_contexts(saved_form ? *saved_form : *g, *g, placement, compile, contexts, log, report);
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
  report.make_placement = session::placement_facts(graph, placement, wishes, *plan, decision);
  program = std::make_unique<exec::Program>(*plan, options.enable_mem_pattern);
  frames = std::make_unique<exec::FramePool>(*program, memory.allocator(), options.enable_cpu_mem_arena);
  for (size_t i = 0; i < outputs.size(); ++i) fetch_index[outputs[i].name] = i;
  stage("plan", begin);
}

void Session::Impl::apply_overrides(graph::Graph& g) {
  for (const auto& [name, value] : external.tensors)
    if (!external.used.contains(name))
      fail("add_external_initializers: the model has no initializer \"{}\" whose data is external", name);
  external = {};
  for (const auto& [name, value] : options.initializers) {
    const graph::ValueId v = g.find_value(name);
    if (v == graph::kNone || !g.value(v).data) fail("add_initializer: the model has no initializer \"{}\"", name);
    session::check_feed(name, g.type(v), value);
    // A view of the caller's tensor: its memory is never ours to give back.
    g.edit_value(v).data = !value.is_tensor() || value.dtype() == DType::kString ? value : value.reshaped(value.dims());
  }
  const auto& by_name = options.free_dimension_overrides_by_name;
  const auto& by_denotation = options.free_dimension_overrides_by_denotation;
  if (by_name.empty() && by_denotation.empty()) return;
  std::map<int64_t, int64_t> sizes;  // of symbols: a dim that is fixed in one input is fixed everywhere
  for (graph::ValueId v : g.region().args) {
    const Dims& dims = g.type(v).dims;
    const auto denotations = g.info.denotations.find(g.value(v).name);
    for (size_t i = 0; i < dims.size(); ++i) {
      if (!is_symbol(dims[i])) continue;
      if (const auto it = by_name.find(g.symbols().to_string(dims[i])); it != by_name.end()) {
        sizes.insert_or_assign(dims[i], it->second);
      } else if (denotations != g.info.denotations.end()) {
        const auto size = by_denotation.find(denotations->second[i]);
        if (size != by_denotation.end()) sizes.emplace(dims[i], size->second);
      }
    }
  }
  for (graph::ValueId v : g.region().args) {
    ValueType t = g.type(v);
    for (int64_t& d : t.dims)
      if (const auto it = sizes.find(d); it != sizes.end()) d = it->second;
    g.set_type(v, std::move(t));
  }
  ops::infer_types(g);
}

void Session::Impl::optimize(graph::Graph& g) {
  passes::PassOptions o;
  o.ops = op_set.get();
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
  const passes::Evaluate evaluate = [cap = o.fold_bytes](const graph::Graph& gr, graph::NodeId n) {
    return exec::fold(gr, n, cap);
  };
  partition::expand_by_name(g);
  passes::PassManager manager(g, o, evaluate);
  manager.run(passes::Level::kNone, std::min(o.level, passes::Level::kBasic));
  partition::assign(g, placement, wishes);
  if (placement.inlined_calls && o.level >= passes::Level::kBasic)
    manager.run(passes::Level::kNone, passes::Level::kBasic);
  if (placing.measured) {
    const auto begin = Profiler::Clock::now();
    decision = session::place_measured(
        g, placement, wishes, placing,
        {options, specs, providers, o, evaluate, pool.get(), log, [this] { check_load_cancel(); }});
    stage("measured placement", begin);
  }
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

void Session::Impl::save(const graph::Graph& g) const {
  if (options.optimized_model_filepath.empty()) return;
  onnx::WriteOptions w{.ops = *op_set};
  w.external_file = session::config_text(options.config, "session.optimized_model_external_initializers_file_name");
  w.external_min_bytes = session::config_int(
      options.config, "session.optimized_model_external_initializers_min_size_in_bytes", w.external_min_bytes);
  onnx::save_file(g, options.optimized_model_filepath, w);
}

void Session::Impl::read_signature(const graph::Graph& g) {
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

int Session::Impl::lanes() const {
  return options.execution_mode == ExecutionMode::kParallel ? resolved(options.inter_op_num_threads) : 1;
}

void Session::Impl::make_pool() {
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

}  // namespace tenon
