// Options, the cache around a measurement, and a graph that is assigned anew.
#include "session/measured_placement.h"

#include <algorithm>

#include "base/cpu.h"
#include "base/error.h"
#include "memory/arena.h"
#include "partition/placement_cache.h"
#include "session/config_keys.h"
#include "session/env.h"
#include "session/example_feeds.h"

namespace tenon::session {
namespace measured_placement {
namespace {

using graph::NodeId;

std::string circumstances(const PlacementOptions& o, const PlacementInputs& in, const partition::Wishes& wishes) {
  std::string out =
      fmt::format("{}\n{} threads {} level {} lanes {} reuse {} pattern {} fallback {} budget {}\n", cpu_description(),
                  isa_name(active_isa()), in.pool ? in.pool->threads() : 1, static_cast<int>(in.passes.level),
                  static_cast<int>(in.options.execution_mode), in.options.enable_mem_reuse,
                  in.options.enable_mem_pattern, wishes.cpu_fallback, o.measurement.budget_ms);
  out += version();
  for (const ProviderSpec& p : in.specs) {
    out += "\n" + p.name;
    for (const auto& [key, value] : p.options) out += fmt::format(" {}={}", key, value);
  }
  for (const auto& [node, key] : wishes.pinned) out += fmt::format("\npin {}={}", node, key);
  for (const auto& [name, size] : o.measurement.dims) out += fmt::format("\ndim {}={}", name, size);
  for (const std::string& name : in.passes.disabled) out += "\nwithout " + name;
  return out;
}

void clear(graph::Graph& g, partition::Placement& p) {
  for (NodeId n = 0; n < g.node_limit(); ++n)
    if (g.node(n).alive) g.set_provider(n, "");
  partition::Placement fresh;
  fresh.providers = p.providers;
  fresh.inlined_calls = p.inlined_calls;
  p = std::move(fresh);
}

}  // namespace
}  // namespace measured_placement

PlacementOptions PlacementOptions::parse(const std::map<std::string, std::string>& config) {
  PlacementOptions o;
  const std::string placement = config_text(config, "tenon.placement", "priority");
  if (placement != "priority" && placement != "measured")
    fail("tenon.placement: \"{}\" found, expected priority or measured", placement);
  o.measured = placement == "measured";
  o.measurement.dims = parse_dims(config_text(config, "tenon.placement_dims"));
  o.measurement.budget_ms = config_int(config, "tenon.placement_budget_ms", o.measurement.budget_ms);
  if (o.measurement.budget_ms < 1 || o.measurement.budget_ms > 86'400'000)
    fail("tenon.placement_budget_ms: {} found, expected 1 to 86400000", o.measurement.budget_ms);
  o.cache_dir = config_text(config, "tenon.cache_dir");
  if (!o.cache_dir.empty()) partition::check_cache_dir(o.cache_dir);
  return o;
}

std::shared_ptr<const partition::Decision> place_measured(graph::Graph& g, partition::Placement& p,
                                                          partition::Wishes& wishes, const PlacementOptions& o,
                                                          const PlacementInputs& in) {
  if (p.providers.size() < 2) return nullptr;
  measured_placement::clear(g, p);
  const std::string key = partition::placement_key(g, measured_placement::circumstances(o, in, wishes));
  std::shared_ptr<const partition::Decision> d = partition::cached_decision(o.cache_dir, key, g, p, in.log);
  if (!d) {
    const auto base = g.clone();
    tag_nodes(*base);
    const Logger quiet("placement", Severity::kFatal);
    const std::shared_ptr<Env> shared = env();
    CandidateKit kit{*base,
                     in.providers,
                     p.providers,
                     wishes,
                     in.passes,
                     in.evaluate,
                     &shared->weights,
                     std::make_shared<memory::Arena>(),
                     in.pool,
                     in.options.enable_mem_pattern,
                     in.options.enable_mem_reuse,
                     std::ranges::any_of(p.providers, [](const auto& i) { return i.provider->simulated_clock(); })};
    kit.passes.log = &quiet;
    d = measure(kit, o.measurement, in.check_cancel);
    if (std::ranges::any_of(d->candidates, [](const auto& c) { return c.ns >= 0; }))
      partition::keep_decision(o.cache_dir, key, *d, in.log);
  }
  wishes.veto = partition::veto_of(d, d->chosen);
  partition::assign(g, p, wishes);
  return d;
}

}  // namespace tenon::session
