// Passes: rules (local), transformations (global), the ordered pipeline and its report.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "graph/graph.h"
#include "ops/infer_types.h"
#include "passes/patch.h"

namespace tenon::passes {

/// ORT's levels.
enum class Level : int { kNone = 0, kBasic = 1, kExtended = 2, kLayout = 3, kAll = 99 };

/// What a rewrite may do to numbers.
enum class NumericClass : uint8_t { kExact, kReassociating, kLowering };

/// Answer of a rule at one node: nothing to do here, a patch, or a near miss with the condition that failed.
struct Outcome {
  enum Kind : uint8_t { kNoMatch, kPatched, kSkipped } kind = kNoMatch;
  const char* reason = "";              ///< kSkipped: a literal, formatted only in reports
  graph::ValueId about = graph::kNone;  ///< kSkipped: the value that stands in the way, if one does
};
inline constexpr Outcome kNoMatch{};
inline constexpr Outcome kPatched{Outcome::kPatched, "", graph::kNone};
inline Outcome skip(const char* reason, graph::ValueId about = graph::kNone) {
  return {Outcome::kSkipped, reason, about};
}

/// A local rewrite: looks around one node whose op is in `roots` and proposes a patch.
struct Rule {
  const char* name;      ///< also ORT's transformer name where one exists (`ort_name`)
  const char* ort_name;  ///< "" when ORT has none; both names work in disabled_optimizers
  Level level;
  NumericClass numeric;
  std::span<const char* const> roots;  ///< op names; empty = every node
  Outcome (*apply)(const graph::Graph& g, graph::NodeId n, Patch& patch);
};

struct PassContext;
/// A global transformation of the whole graph. Edits through graph's own methods; returns the number of changes.
struct Transformation {
  const char* name;
  const char* ort_name;
  Level level;
  NumericClass numeric;
  int64_t (*apply)(graph::Graph& g, PassContext& c);
};

/// Reports hold ids, formatted when asked.
struct Fired {
  const char* pass;
  uint32_t node_name;  ///< interned in the graph
  int64_t nodes_removed;
};
struct Skipped {
  const char* pass;
  uint32_t node_name;
  const char* reason;
  std::string about;
};
struct PassReport {
  std::vector<Fired> fired;
  std::vector<Skipped> skipped;
  struct Time {
    const char* pass;
    int64_t ns;
  };
  std::vector<Time> times;
};

struct PassOptions {
  Level level = Level::kAll;
  std::vector<std::string> disabled;    ///< names or ORT names
  int64_t stop_after_rewrite = -1;      ///< >= 0: apply only that many rewrites (bisecting)
  size_t fold_bytes = size_t{1} << 30;  ///< optimization.constant_folding_max_output_size_in_bytes
  int max_rounds = 10;                  ///< max_num_graph_transformation_steps
  bool verify = false;                  ///< after every pass
  std::string own_provider;             ///< nodes that another provider has are left alone; empty: none is
  const Logger* log = nullptr;
  const graph::OpSet* ops = nullptr;  ///< rows for new nodes; null: the built-in ones
};

/// Evaluates one node on constant inputs (constant folding); empty result = cannot. Supplied by the session, because
/// running kernels belongs to exec.
using Evaluate = std::function<std::vector<Value>(const graph::Graph&, graph::NodeId)>;

struct PassContext {
  const PassOptions& options;
  const Evaluate& evaluate;
  ops::DerivedInts& ints;  ///< kept up to date by infer_node
  PassReport& report;
  int64_t& rewrites_left;  ///< of stop_after_rewrite; a transformation calls take() before each change
  size_t& folded_bytes;    ///< of constants made so far
  const char* pass;        ///< name of the running transformation

  /// False when no further rewrite is allowed; otherwise counts one.
  bool take() { return rewrites_left > 0 && rewrites_left-- > 0; }
  void fired(graph::Graph& g, graph::NodeId at, int64_t nodes_removed);
  void skipped(graph::Graph& g, graph::NodeId at, const char* reason, graph::ValueId about = graph::kNone);
};

struct PipelineRow;
/// Runs the rows of the pipeline with levels in (above, up_to] in order, each level repeated until nothing changes or
/// max_rounds. Throws what the verifier throws, and kInvalidArgument for a graph that inference refuses.
class PassManager {
 public:
  /// `rows` empty: the pipeline. `evaluate` may be empty: nothing is folded by running it.
  PassManager(graph::Graph& g, const PassOptions& options, Evaluate evaluate, std::span<const PipelineRow> rows = {});
  void run(Level above, Level up_to);
  const PassReport& report() const { return report_; }

 private:
  bool enabled(const char* name, const char* ort_name) const;
  bool apply_row(const PipelineRow& row);
  void refine_types();
  bool apply_rule(const Rule& rule);
  /// False when the patch cannot be applied; the graph is then as it was.
  bool apply_patch(const Rule& rule, graph::NodeId at, Patch& patch, std::vector<graph::NodeId>& touched);
  const char* obstacle(const Patch& patch) const;
  bool foreign(graph::NodeId n) const;
  bool removes_foreign(const Patch& patch) const;
  bool agree(graph::ValueId from, graph::ValueId to);
  std::vector<graph::NodeId> dead_producers(const Patch& patch) const;
  PassContext context(const char* pass) {
    return {options_, evaluate_, ints_, report_, rewrites_left_, folded_bytes_, pass};
  }
  graph::Graph& graph_;
  PassOptions options_;
  Evaluate evaluate_;
  std::span<const PipelineRow> rows_;
  ops::DerivedInts ints_;
  PassReport report_;
  int64_t rewrites_left_;
  size_t folded_bytes_ = 0;
  size_t inferred_nodes_ = 0;  ///< node_limit when types were last inferred as a whole
};

/// One row of the pipeline: a rule or a transformation.
struct PipelineRow {
  const Rule* rule = nullptr;
  const Transformation* transformation = nullptr;
};
/// The one ordered list, grouped by level.
std::span<const PipelineRow> pipeline();

}  // namespace tenon::passes
