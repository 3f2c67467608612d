// measured_placement: tenon.placement=measured, from options to a placed graph.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>

#include "partition/decision.h"
#include "session/measurement.h"
#include "tenon/session.h"

namespace tenon::session {

struct PlacementOptions {
  bool measured = false;
  MeasurementOptions measurement;
  std::filesystem::path cache_dir;  ///< tenon.cache_dir
  /// Throws kInvalidArgument naming the key and what is expected.
  static PlacementOptions parse(const std::map<std::string, std::string>& config);
};

struct PlacementInputs {
  const SessionOptions& options;
  const std::vector<ProviderSpec>& specs;
  const std::vector<std::unique_ptr<ep::Provider>>& providers;
  const passes::PassOptions& passes;
  const passes::Evaluate& evaluate;
  ThreadPool* pool;
  const Logger& log;
  std::function<void()> check_cancel;
};

/// For a graph after level 1 that has been assigned by priority (which inlines calls that nobody wants): finds the
/// cheapest placement, or the cached one, and assigns anew. `wishes` keeps what later calls of assign need. Returns
/// null, and leaves everything as it is, when there is only one provider.
std::shared_ptr<const partition::Decision> place_measured(graph::Graph& g, partition::Placement& p,
                                                          partition::Wishes& wishes, const PlacementOptions& o,
                                                          const PlacementInputs& in);

}  // namespace tenon::session
