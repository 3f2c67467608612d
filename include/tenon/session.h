// Session: a loaded, optimised, planned model that any number of threads can run.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/allocator.h"
#include "tenon/custom_op.h"
#include "tenon/error.h"
#include "tenon/export.h"
#include "tenon/value.h"

namespace tenon {

/// ORT's GraphOptimizationLevel.
enum class OptimizationLevel : int {
  kDisableAll = 0,
  kEnableBasic = 1,
  kEnableExtended = 2,
  kEnableLayout = 3,
  kEnableAll = 99
};
enum class ExecutionMode : int { kSequential = 0, kParallel = 1 };
enum class ExecutionOrder : int { kDefault = 0, kPriorityBased = 1, kMemoryEfficient = 2 };

using LogSink = std::function<void(int severity, std::string_view id, std::string_view message)>;

/// One entry of the provider list, in priority order.
struct ProviderSpec {
  std::string name;
  std::map<std::string, std::string> options;
};

/// Names and defaults of ORT's SessionOptions. `config` holds the string keys ("session.*", "optimization.*",
/// "tenon.*"); an unknown key gives one warning that names the nearest known one, a wrong value is an error at session
/// creation.
struct SessionOptions {
  ExecutionMode execution_mode = ExecutionMode::kSequential;
  ExecutionOrder execution_order = ExecutionOrder::kDefault;
  OptimizationLevel graph_optimization_level = OptimizationLevel::kEnableAll;
  int intra_op_num_threads = 0;  ///< 0 = min(physical cores, quota); 1 = no thread
  int inter_op_num_threads = 0;
  bool enable_profiling = false;
  std::string profile_file_prefix = "onnxruntime_profile_";
  std::string optimized_model_filepath;
  bool enable_mem_pattern = true;
  bool enable_mem_reuse = true;
  bool enable_cpu_mem_arena = true;
  bool use_per_session_threads = true;
  bool use_deterministic_compute = false;
  std::string logid;
  int log_severity_level = -1;  ///< -1 = the process default (2, warnings)
  int log_verbosity_level = 0;
  LogSink log_sink;  ///< empty: stderr
  int max_num_graph_transformation_steps = 10;
  std::vector<std::string> disabled_optimizers;
  std::map<std::string, int64_t> free_dimension_overrides_by_name;
  std::map<std::string, int64_t> free_dimension_overrides_by_denotation;
  std::map<std::string, std::string> config;
  std::map<std::string, Value> initializers;  ///< add_initializer: replaces an initializer of the model by name
  std::map<std::string, Value> external_initializers;  ///< instead of the file, by name; all must be external data
  std::map<std::string, Value> external_files;         ///< external data in memory (uint8) by the model's location
  std::vector<ProviderSpec> providers;                 ///< empty: the default list
  const std::atomic<bool>* load_cancel = nullptr;
  std::vector<std::shared_ptr<const plugin::CustomOps>> custom_ops;  ///< operators that models may use, see below

  /// Adds the operators of a domain. Throws kInvalidArgument, naming operator and place, for one that is ill formed,
  /// comes twice, or has the name and versions of one of Tenon's.
  TENON_API void add_custom_ops(plugin::CustomOps ops);
  /// Loads a library that ends with TENON_CUSTOM_OPS and adds its operators; it stays loaded as long as options or
  /// sessions have them. A relative path counts from the working directory. Throws kNoSuchFile, kFail for a file that
  /// is no such library or was built for another version of tenon/plugin.h, and what add_custom_ops throws.
  TENON_API void register_custom_ops_library(const std::string& path);
};

struct RunOptions {
  int log_severity_level = -1;
  int log_verbosity_level = 0;
  std::string run_tag;
  bool only_execute_path_to_fetches = false;
  const std::atomic<bool>* terminate = nullptr;  ///< set to true from any thread: the run ends with a kFail error
  std::map<std::string, std::string> config;     ///< "tenon.deadline_ms", "memory.enable_memory_arena_shrinkage", ...
};

/// One dimension of a declared shape: an integer, a name, or neither (unknown).
struct DimInfo {
  std::optional<int64_t> value;
  std::string symbol;
};

/// Declared input or output. `type` is ORT's spelling: "tensor(float)", "seq(map(int64,tensor(float)))", ...
struct NodeArg {
  std::string name;
  std::string type;
  ValueKind kind = ValueKind::kTensor;
  DType dtype = DType::kUndefined;            ///< of tensors and of sequence / optional elements
  std::optional<std::vector<DimInfo>> shape;  ///< absent: rank unknown
};

struct ModelMetadata {
  std::string producer_name, graph_name, domain, description, graph_description;
  int64_t version = 0;
  std::map<std::string, std::string> custom_metadata_map;
};

/// What happened at load, as data. JSON form: see docs/cli.md, explain.
struct LoadReport {
  size_t nodes_loaded = 0;  ///< regions included
  size_t nodes_final = 0;
  size_t context_nodes = 0;                ///< EPContext nodes in the model that ep.context_enable has written
  std::vector<std::string> context_files;  ///< beside that model
  struct Rewrite {
    std::string pass, node;
    int64_t nodes_removed;
  };
  std::vector<Rewrite> rewrites;
  struct NearMiss {
    std::string pass, node, reason;
  };
  std::vector<NearMiss> near_misses;
  std::vector<std::pair<std::string, double>> stage_ms;  ///< "load", "optimize", "plan", per pass "pass:NAME"

  /// Who runs what. Providers go by their keys: the name, and ":1", ":2" ... for further instances of it.
  struct Placement {
    struct Node {
      std::string name, op, provider;
      std::string group;              ///< compiled operator that it went into; "" when it runs as itself
      std::string why;                ///< how the provider got it
      std::vector<std::string> from;  ///< names of the model nodes that it came from
    };
    struct Provider {
      std::string key;
      size_t nodes, groups;
    };
    struct Refusal {
      std::string node, op, provider, reason;
    };
    /// A value that changes memory in every run; `from` and `to` are keys of providers or "host".
    struct Copy {
      std::string value, from, to;
      int64_t bytes;  ///< -1: known when it runs
    };
    std::string summary;  ///< "" when the default provider runs everything
    std::vector<Provider> providers;
    std::vector<Node> nodes;        ///< regions included, in the order in which they run
    std::vector<Refusal> refusals;  ///< of nodes of the final graph
    std::vector<Copy> copies;
    int64_t uploaded_bytes = 0;  ///< of constants, once, at load

    /// What tenon.placement=measured found. Times in us; < 0: none. Nodes are those of the graph before levels 2 and 3.
    struct Measured {
      std::string source, chosen;  ///< "measured" or the cache it came from; name of the candidate that is used
      struct Candidate {
        std::string name;
        double us, predicted_us;  ///< of a whole run; by the costs of nodes and copies
        std::string note;         ///< why it did not run
      };
      struct Link {
        std::string from, to;
        double latency_us, ns_per_byte;
      };
      struct Cost {
        std::string provider;
        double us;
        bool estimated;
      };
      struct Node {
        std::string name, op, cut;  ///< provider in the cheapest cut
        double copies_us;           ///< of its operands and results, there
        std::vector<Cost> costs;    ///< of the providers that take it
      };
      std::vector<Candidate> candidates;
      std::vector<Link> links;
      std::vector<Node> nodes;
      std::vector<std::string> notes;
    };
    std::optional<Measured> measured;
  };
  /// Made anew by every call; the work is done here and not at load.
  TENON_API Placement placement() const;
  std::function<Placement()> make_placement;  ///< set by the session

  /// What the plan says about the results of steps before anything runs (regions included).
  struct Memory {
    size_t steps = 0, views = 0;     ///< views cost nothing at run time
    size_t in_place = 0;             ///< steps that may write over one of their inputs
    size_t values = 0, unsized = 0;  ///< results of steps; those whose size only a run says
    int64_t bytes = 0;               ///< of all results of known size, views not counted
    int64_t peak_bytes = 0;          ///< of those, the most that are needed at once; nested regions by themselves
    size_t constants = 0;            ///< that steps read
    int64_t constant_bytes = 0;
  } memory;

  TENON_API std::string json() const;
};

/// What a session holds, in bytes.
struct MemoryUse {
  size_t limit = 0;    ///< tenon.memory_limit_bytes; 0 = none
  size_t used = 0;     ///< weights + what the arena has from the system
  size_t peak = 0;     ///< largest `used` so far
  size_t weights = 0;  ///< packed copies and constants that kernels read, shared ones in full
  AllocatorStats arena;
};

/// Thread-safe after construction; run() may be called concurrently. Errors leave the session usable.
class TENON_API Session {
 public:
  Session(const std::string& path, const SessionOptions& options);
  /// Model bytes; they may be freed afterwards. External data is refused unless
  /// session.model_external_initializers_file_folder_path names its directory.
  Session(std::span<const uint8_t> model, const SessionOptions& options);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  const std::vector<NodeArg>& inputs() const;
  const std::vector<NodeArg>& outputs() const;
  const std::vector<NodeArg>& overridable_initializers() const;
  const ModelMetadata& metadata() const;
  const std::vector<std::string>& providers() const;
  const std::map<std::string, std::map<std::string, std::string>>& provider_options() const;
  const SessionOptions& options() const;
  const LoadReport& load_report() const;

  /// Runs the model. feeds[i] is the value of feed_names[i]; every required input must be fed. Writes fetches[j] for
  /// fetch_names[j]; a fetch that already holds a tensor of the right type and shape is written in place.
  /// Throws kInvalidArgument for unknown, missing or mistyped feeds (naming them, expected and found), before any work.
  void run(std::span<const std::string> feed_names, std::span<const Value> feeds,
           std::span<const std::string> fetch_names, std::span<Value> fetches, const RunOptions& options = {}) const;
  /// All outputs when `fetch_names` is empty.
  std::vector<Value> run(const std::map<std::string, Value>& feeds, std::span<const std::string> fetch_names = {},
                         const RunOptions& options = {}) const;

  MemoryUse memory_use() const;

  /// Options of providers that may change during runs (ORT's SetEpDynamicOptions); thread-safe. Each key goes to the
  /// providers that know it. Throws kInvalidArgument for a key that none of them knows, before any is set, and for a
  /// wrong value.
  void set_ep_dynamic_options(const std::map<std::string, std::string>& options) const;

  /// Path of the trace file (Chrome trace events, a JSON array), "" when profiling was not enabled.
  std::string end_profiling();
  uint64_t profiling_start_time_ns() const;
  /// The optimised graph as text (see docs/architecture.md), and its plan.
  std::string graph_text() const;
  std::string plan_text() const;
  /// The optimised graph as ONNX bytes. Weights that were given back after packing are read from the model file again;
  /// for a model from bytes that is a kFail error, unless tenon.keep_weights = 1 kept them.
  std::string model_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Providers of this build, highest priority first; "CPUExecutionProvider" is last.
TENON_API std::vector<std::string> available_providers();
/// True for the available ones, those of registered libraries, and those that exist for tests only.
TENON_API bool has_provider(std::string_view name);
/// All provider names that ORT knows.
TENON_API std::vector<std::string> all_providers();
TENON_API std::string version();  ///< "major.minor.patch"
/// Op table as JSON: [{domain, name, since, until, inputs: [...], outputs: [...], attributes: [...], deterministic}].
TENON_API std::string op_table_json();
/// Receives what sessions without a log_sink log from now on, from any thread; an empty one restores stderr.
TENON_API void set_default_log_sink(LogSink sink);
/// Process default severity (0 verbose .. 4 fatal) for sessions with log_severity_level -1.
TENON_API void set_default_log_severity(int severity);
/// Size of the pool that sessions with use_per_session_threads = false share; lanes are tasks of the same pool, so that
/// it gets the larger of both numbers. 0 = min(physical cores, quota). Holds for the pool that is made next: the
/// present one goes with its last session. Throws kInvalidArgument for negative numbers.
TENON_API void set_global_thread_pool_sizes(int intra_op_num_threads, int inter_op_num_threads = 0);
/// Seeds the random operators that the model gives no seed, in sessions made from now on.
TENON_API void set_seed(int64_t seed);

}  // namespace tenon
