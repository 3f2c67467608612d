// load_facts: what LoadReport says about placement and memory.
#pragma once
#include <functional>
#include <memory>

#include "partition/decision.h"
#include "partition/partition.h"
#include "plan/plan.h"
#include "tenon/session.h"

namespace tenon::session {

/// Keeps what LoadReport::placement formats when it is asked: the graph and the partitioner's reasons, which are taken
/// out of `p`. `decision`: of measured placement, or null.
std::function<LoadReport::Placement()> placement_facts(std::shared_ptr<const graph::Graph> g, partition::Placement& p,
                                                       const partition::Wishes& wishes, const plan::Plan& plan,
                                                       std::shared_ptr<const partition::Decision> decision = nullptr);
LoadReport::Memory planned_memory(const plan::Plan& plan);

}  // namespace tenon::session
