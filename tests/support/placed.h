// Placed: a graph on test devices and the CPU, ready to run.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ep/registry.h"
#include "exec/frame.h"
#include "graph/verify.h"
#include "memory/arena.h"
#include "partition/partition.h"
#include "plan/plan.h"

namespace tenon::test {

/// A graph placed on providers, planned and run.
struct Placed {
  Placed(std::unique_ptr<graph::Graph> g, const std::vector<std::map<std::string, std::string>>& devices) {
    for (const auto& options : devices) {
      providers.push_back(ep::make_provider("TestDeviceExecutionProvider", options));
      placement.providers.push_back({fmt::format("Test{}", providers.size()), providers.back().get()});
    }
    providers.push_back(ep::make_provider("CPUExecutionProvider", {}));
    placement.providers.push_back({"CPU", providers.back().get()});
    partition::assign(*g, placement, wishes);
    partition::lower(*g, placement, wishes, {nullptr, active_isa()});
    graph::verify(*g);
    partition::verify_placed(*g, placement);
    graph = std::move(g);
    plan = plan::make_plan(graph, {.isa = active_isa(), .placed = &placement});
    program = std::make_unique<exec::Program>(*plan);
    frame = std::make_unique<exec::Frame>(*program, arena);
  }

  std::vector<Value> run(const std::vector<Value>& feeds, const exec::RunContext& context = {}) {
    for (size_t i = 0; i < feeds.size(); ++i) frame->bind(i, feeds[i]);
    std::vector<Value> out;
    frame->run(context);
    for (size_t i = 0; i < plan->results.size(); ++i) out.push_back(frame->take_value(i));
    frame->reset();
    return out;
  }

  std::vector<std::unique_ptr<ep::Provider>> providers;
  partition::Placement placement;
  partition::Wishes wishes;
  std::shared_ptr<const graph::Graph> graph;
  std::unique_ptr<plan::Plan> plan;
  std::unique_ptr<exec::Program> program;
  std::shared_ptr<memory::Arena> arena = std::make_shared<memory::Arena>();
  std::unique_ptr<exec::Frame> frame;
};

}  // namespace tenon::test
