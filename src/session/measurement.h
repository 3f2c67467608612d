// measure: which way of placing a model is the fastest.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "partition/decision.h"
#include "session/candidate.h"

namespace tenon::session {

struct MeasurementOptions {
  std::map<std::string, int64_t> dims;  ///< tenon.placement_dims
  int64_t budget_ms = 5000;             ///< tenon.placement_budget_ms
};

/// Builds and times the orders of providers and the cheapest cut; `check_cancel` is called in between and may throw.
/// What cannot be built or run is said in the decision; throws for wrong dims only.
std::shared_ptr<const partition::Decision> measure(CandidateKit& kit, const MeasurementOptions& o,
                                                   const std::function<void()>& check_cancel);

}  // namespace tenon::session
