// Known keys of session and run configuration.
#include "session/config_keys.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/error.h"

namespace tenon::session {
namespace {

using enum KeyClass;
using enum KeyValue;

constexpr ConfigKey kSession[] = {
    // Ours.
    {"tenon.weights", kHonoured, kText, "mapped (default): weights stay in the mapped file; read: copied"},
    {"tenon.keep_weights", kHonoured, kBool, "weights stay in memory although all their readers have packed them"},
    {"tenon.memory_limit_bytes", kHonoured, kInt, "limit over weights, arena and frames of the session; 0 = none"},
    {"tenon.external_data_dirs", kHonoured, kText, "more directories that external data may lie in, ':'-separated"},
    {"tenon.stop_after_rewrite", kHonoured, kInt, "apply only the first N rewrites (bisecting)"},
    {"tenon.verify", kHonoured, kBool, "check the graph's invariants after every pass"},
    {"tenon.parallel", kHonoured, kText, "ORT_PARALLEL: measured (default): lanes where they are faster; always"},
    {"tenon.placement", kHonoured, kText, "priority (default): providers in order; measured: the fastest, by timing"},
    {"tenon.placement_dims", kHonoured, kText, "NAME:SIZE,...: sizes of named dimensions while timing; 1 without"},
    {"tenon.placement_budget_ms", kHonoured, kInt, "time after which nothing more is timed; default 5000"},
    {"tenon.cache_dir", kHonoured, kText, "directory in which measured placements are kept"},
    {"tenon.place_nodes", kHonoured, kText, "NODE=PROVIDER;...: the only provider that may take a node"},
    {"tenon.context_overwrite", kHonoured, kBool, "ep.context_enable may replace a file"},
    // Compiled contexts.
    {"ep.context_enable", kHonoured, kBool, "writes a model in which compiled groups are EPContext nodes"},
    {"ep.context_file_path", kHonoured, kText, "its path; <model>_ctx.onnx beside the model"},
    {"ep.context_embed_mode", kHonoured, kBool, "compiled bytes inside that model, else in files beside it (default)"},
    {"ep.context_node_name_prefix", kHonoured, kText, "before the names of EPContext nodes"},
    {"ep.share_ep_contexts", kHonoured, kBool, "equal contexts are one file, and one object while sessions hold it"},
    {"ep.stop_share_ep_contexts", kNotApplicable, kBool, "sharing ends when no session holds a context"},
    {"ep.context_model_external_initializers_file_name", kHonoured, kText, "external data file of that model"},
    {"session.disable_model_compile", kHonoured, kBool, "an error when a provider would have to compile"},
    // Optimisation.
    {"optimization.disable_specified_optimizers", kHonoured, kText, "names of rewrites to leave out, ';'-separated"},
    {"optimization.constant_folding_max_output_size_in_bytes", kHonoured, kInt, "cap of one folded result; 0 = none"},
    {"optimization.enable_gelu_approximation", kNotYet, kBool, ""},
    {"optimization.enable_cast_chain_elimination", kNotYet, kBool, ""},
    {"optimization.minimal_build_optimizations", kNotApplicable, kText, "no minimal build"},
    {"optimization.memory_optimizer_config", kNotApplicable, kText, "training"},
    {"optimization.enable_memory_probe_recompute_config", kNotApplicable, kText, "training"},
    {"session.graph_optimizations_loop_level", kNotApplicable, kInt, "passes repeat until nothing changes"},
    {"session.disable_aot_function_inlining", kNotApplicable, kBool, "functions are inlined after placement"},
    {"session.enable_dq_matmulnbits_fusion", kNotYet, kBool, ""},
    {"session.qdq_matmulnbits_accuracy_level", kNotYet, kInt, ""},
    {"session.qdq_matmulnbits_block_size", kNotYet, kInt, ""},
    {"session.disable_quant_qdq", kNotYet, kBool, ""},
    {"session.disable_qdq_constant_folding", kNotYet, kBool, ""},
    {"session.disable_double_qdq_remover", kNotYet, kBool, ""},
    {"session.enable_quant_qdq_cleanup", kNotYet, kBool, ""},
    {"session.qdqisint8allowed", kNotYet, kBool, ""},
    {"session.x64quantprecision", kNotApplicable, kBool, "u8s8 products do not saturate here"},
    // Loading and saving.
    {"session.load_model_format", kHonoured, kText, "ONNX; ORT is refused"},
    {"session.save_model_format", kHonoured, kText, "ONNX; ORT is refused"},
    {"session.model_external_initializers_file_folder_path", kHonoured, kText,
     "directory of external data of a model from bytes"},
    {"session.optimized_model_external_initializers_file_name", kHonoured, kText,
     "external data file of the saved model"},
    {"session.optimized_model_external_initializers_min_size_in_bytes", kHonoured, kInt,
     "smallest external initializer"},
    {"session.save_external_prepacked_constant_initializers", kNotYet, kBool, ""},
    {"session.strict_shape_type_inference", kHonoured, kBool, "declared shapes that inference contradicts are errors"},
    {"session.allow_released_opsets_only", kNotApplicable, kBool, "all released opsets are known"},
    {"session.use_ort_model_bytes_directly", kNotApplicable, kBool, "ORT format"},
    {"session.use_ort_model_bytes_for_initializers", kNotApplicable, kBool, "ORT format"},
    {"session.use_memory_mapped_ort_model", kNotApplicable, kBool, "ORT format"},
    {"session.enable_saved_runtime_optimizations", kNotApplicable, kBool, "ORT format"},
    {"session.disable_prepacking", kNotApplicable, kBool, "kernels read packed weights; the originals are given back"},
    {"session.fail_on_suboptimal_compiled_model", kNotApplicable, kBool, "no compiling provider"},
    {"session.compile_only", kNotApplicable, kBool, "no compiling provider"},
    // Threads.
    {"session.intra_op.allow_spinning", kHonoured, kBool, "workers spin a bounded time before they block"},
    {"session.inter_op.allow_spinning", kNotApplicable, kBool, "lanes are tasks of the one pool"},
    {"session.intra_op.spin_duration_us", kHonoured, kInt, "bound of that spin"},
    {"session.inter_op.spin_duration_us", kNotApplicable, kInt, "lanes are tasks of the one pool"},
    {"session.intra_op.spin_backoff_max", kNotApplicable, kInt, ""},
    {"session.inter_op.spin_backoff_max", kNotApplicable, kInt, ""},
    {"session.force_spinning_stop", kNotApplicable, kBool, "spinning is bounded"},
    {"session.dynamic_block_base", kNotApplicable, kInt, "block sizes depend on the loop alone"},
    {"session.intra_op_thread_affinities", kHonoured, kText, "processors per worker: 1,2;3-4"},
    {"session.set_denormal_as_zero", kHonoured, kBool, "runs take denormal floats for zeros, in all their threads"},
    // Placement and memory.
    {"session.disable_cpu_ep_fallback", kHonoured, kBool, "an error when a node is left to the CPU provider"},
    {"session.record_ep_graph_assignment_info", kHonoured, kBool, "allows get_provider_graph_assignment_info"},
    {"session.use_env_allocators", kHonoured, kBool, "run in the registered allocator of the host, if there is one"},
    {"session.use_device_allocator_for_initializers", kNotApplicable, kBool, "weights never go through the arena"},
    {"session.node_partition_config_file", kNotYet, kText, ""},
    {"session.debug_layout_transformation", kNotApplicable, kBool, ""},
    {"session.collect_node_memory_stats_to_file", kNotYet, kText, ""},
    {"session.resource_cuda_partitioning_settings", kNotApplicable, kText, "no CUDA provider"},
    {"session.layer_assignment_settings", kNotYet, kText, ""},
    {"session.name_based_layer_assignment", kNotYet, kText, ""},
    {"session.max_shape_override", kNotApplicable, kText, "estimation only"},
    {"session.gqa_value_layout", kNotYet, kText, ""},
    {"session.enable_static_workspace_preallocation", kNotApplicable, kBool, ""},
    // Mirrors of the typed options.
    {"session.intra_op_num_threads", kHonoured, kInt, "as the typed option"},
    {"session.inter_op_num_threads", kHonoured, kInt, "as the typed option"},
    {"session.enable_cpu_mem_arena", kHonoured, kBool, "as the typed option"},
    {"session.enable_mem_pattern", kHonoured, kBool, "as the typed option"},
    {"session.log_id", kHonoured, kText, "as the typed option"},
    {"session.log_severity_level", kHonoured, kInt, "as the typed option"},
    {"session.log_verbosity_level", kHonoured, kInt, "as the typed option"},
    {"session.enable_profiling", kHonoured, kText, "a prefix switches profiling on"},
    {"session.graph_optimization_level", kHonoured, kText,
     "disable_all, enable_basic, enable_extended, enable_layout, enable_all"},
    {"session.optimized_model_filepath", kHonoured, kText, "as the typed option"},
    {"session.execution_mode", kHonoured, kText, "sequential or parallel"},
    {"session.use_per_session_threads", kHonoured, kBool, "as the typed option"},
    {"session.use_deterministic_compute", kHonoured, kBool, "runs are always deterministic"},
    // Kernels of other machines.
    {"mlas.enable_gemm_fastmath_arm64_bfloat16", kNotApplicable, kBool, "ARM"},
    {"mlas.use_lut_gemm", kNotApplicable, kBool, ""},
    {"mlas.disable_kleidiai", kNotApplicable, kBool, "ARM"},
    {"mlas.kleidiai.conv_igemm_max_work", kNotApplicable, kInt, "ARM"},
    {"mlas.nchwc_pointwise_conv_max_input_channel_batch", kNotApplicable, kInt, ""},
};

constexpr ConfigKey kRun[] = {
    {"tenon.deadline_ms", kHonoured, kInt, "the run ends with an error after that many milliseconds"},
    {"memory.enable_memory_arena_shrinkage", kHonoured, kText, "cpu:0 returns unused arena memory after the run"},
    {"disable_synchronize_execution_providers", kNotApplicable, kBool, "the CPU provider is synchronous"},
    {"gpu_graph_id", kNotApplicable, kInt, "no graph capture"},
    {"qnn.htp_perf_mode", kNotApplicable, kText, "QNN"},
    {"qnn.htp_perf_mode_post_run", kNotApplicable, kText, "QNN"},
    {"qnn.rpc_control_latency", kNotApplicable, kText, "QNN"},
    {"qnn.lora_config", kNotApplicable, kText, "QNN"},
};

bool parse_int(std::string_view text, int64_t* out) {
  const auto r = std::from_chars(text.data(), text.data() + text.size(), *out);
  return r.ec == std::errc() && r.ptr == text.data() + text.size();
}

bool valid(const ConfigKey& k, std::string_view v) {
  int64_t n;
  if (k.value == kBool) return v == "0" || v == "1" || v == "true" || v == "false";
  return k.value != kInt || parse_int(v, &n);
}

}  // namespace

std::span<const ConfigKey> session_keys() { return kSession; }
std::span<const ConfigKey> run_keys() { return kRun; }

void check_config(const std::map<std::string, std::string>& config, std::span<const ConfigKey> keys, const char* what,
                  const Logger& log) {
  for (const auto& [name, value] : config) {
    const auto it = std::find_if(keys.begin(), keys.end(), [&n = name](const ConfigKey& k) { return k.name == n; });
    if (it == keys.end()) {
      if (name.starts_with("ep.")) continue;
      std::vector<std::string_view> names;
      for (const ConfigKey& k : keys) names.push_back(k.name);
      const std::string_view near = nearest_name(name, names);
      if (near.empty())
        log.log(Severity::kWarning, "unknown {} config key \"{}\" is ignored", what, name);
      else
        log.log(Severity::kWarning, "unknown {} config key \"{}\" is ignored; did you mean \"{}\"?", what, name, near);
      continue;
    }
    if (!valid(*it, value))
      fail("{} config key \"{}\": value \"{}\" found, expected {}", what, name, value,
           it->value == kBool ? "0 or 1" : "an integer");
    if (it->cls == kNotYet)
      log.log(Severity::kWarning, "{} config key \"{}\" has no effect yet", what, name);
    else if (it->cls == kNotApplicable)
      log.log(Severity::kInfo, "{} config key \"{}\" does not apply here ({})", what, name, it->meaning);
  }
}

bool config_bool(const std::map<std::string, std::string>& config, const std::string& key, bool def) {
  const auto it = config.find(key);
  return it == config.end() ? def : it->second == "1" || it->second == "true";
}

int64_t config_int(const std::map<std::string, std::string>& config, const std::string& key, int64_t def) {
  const auto it = config.find(key);
  int64_t n = def;
  if (it != config.end() && !parse_int(it->second, &n))
    fail("config key \"{}\": value \"{}\" found, expected an integer", key, it->second);
  return n;
}

std::string config_text(const std::map<std::string, std::string>& config, const std::string& key, std::string def) {
  const auto it = config.find(key);
  return it == config.end() ? std::move(def) : it->second;
}

}  // namespace tenon::session
