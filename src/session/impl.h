// Session::Impl: what a session is made of. Filled by setup.cc (options) and build.cc (model), constant afterwards.
#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "ep/provider.h"
#include "exec/frame.h"
#include "onnx/load.h"
#include "partition/partition.h"
#include "plan/plan.h"
#include "session/measured_placement.h"
#include "session/memory.h"
#include "session/profiler.h"
#include "tenon/session.h"

namespace tenon {

// Not exported, although Session is.
struct __attribute__((visibility("hidden"))) Session::Impl {
  // setup.cc
  explicit Impl(const SessionOptions& given);
  void read_wishes();
  onnx::LoadOptions load_options();

  // build.cc
  /// From a loaded graph to something that runs.
  void build(std::unique_ptr<graph::Graph> g);
  void check_load_cancel() const;
  void apply_overrides(graph::Graph& g);
  void read_signature(const graph::Graph& g);
  void optimize(graph::Graph& g);
  void save(const graph::Graph& g) const;
  void make_pool();
  /// How many nodes may run at once.
  int lanes() const;
  /// Time since `begin`, in the report.
  void stage(const char* name, session::Profiler::Clock::time_point begin);

  // run.cc
  size_t find_feed(const std::string& name, size_t hint) const;
  size_t find_fetch(const std::string& name, size_t hint) const;
  void bind_feeds(exec::Frame& f, std::span<const std::string> names, std::span<const Value> feeds) const;
  /// Which fetches are written when the run is over, because their memory is read by the run; empty when none.
  std::vector<bool> bind_fetches(exec::Frame& f, std::span<const std::string> names, std::span<const Value> fetches,
                                 std::span<const Value> feeds) const;
  void execute(exec::Frame& f, const RunOptions& o) const;
  void take_fetches(exec::Frame& f, std::span<const std::string> names, std::span<Value> fetches,
                    const std::vector<bool>& late) const;
  bool shrinks_after(const RunOptions& o) const;

  SessionOptions options;
  std::string path;  ///< of the model file, "" for a model from bytes
  Logger log;
  std::shared_ptr<const graph::OpSet> op_set;  ///< rows that nodes of the graph point to
  std::vector<ProviderSpec> specs;
  std::vector<std::string> provider_names;
  std::map<std::string, std::map<std::string, std::string>> provider_opts;
  std::unique_ptr<session::Profiler> profiler;
  LoadReport report;
  std::vector<std::unique_ptr<ep::Provider>> providers;
  onnx::ExternalData external;
  partition::Placement placement;
  partition::Wishes wishes;
  session::PlacementOptions placing;
  std::shared_ptr<const partition::Decision> decision;  ///< of measured placement
  session::SessionMemory memory{options, session::env()};
  std::shared_ptr<const graph::Graph> graph;
  std::unique_ptr<const graph::Graph> saved_form;  ///< before groups and copies, when there may be some
  bool lanes_always = false;
  bool flush_denormals = false;
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

}  // namespace tenon
