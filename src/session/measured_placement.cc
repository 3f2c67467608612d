// Times the orders of providers, learns from them what each node costs where, solves, times the answer, compares.
#include "session/measured_placement.h"

#include <algorithm>
#include <chrono>

#include "base/cpu.h"
#include "base/error.h"
#include "memory/arena.h"
#include "ops/infer_types.h"
#include "partition/measure_copies.h"
#include "partition/placement_cache.h"
#include "partition/region_table.h"
#include "session/config_keys.h"
#include "session/env.h"
#include "session/example_feeds.h"

namespace tenon::session {
namespace measured_placement {
namespace {

using graph::NodeId;
using partition::Decision;
using Kind = Decision::Candidate::Kind;

class Budget {
 public:
  explicit Budget(int64_t ms) : end_(Clock::now() + std::chrono::milliseconds(ms)) {}
  bool spent() const { return Clock::now() >= end_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point end_;
};

class Measurement {
 public:
  Measurement(CandidateKit& kit, const PlacementOptions& o, const std::function<void()>& check)
      : kit_(kit), o_(o), check_(check), budget_(o.budget_ms), base_(kit.base), d_(std::make_shared<Decision>()) {
    for (const ep::Instance& i : kit.instances) d_->providers.push_back(i.key);
    placed_.providers = kit.instances;
  }

  std::shared_ptr<const Decision> run() {
    d_->source = "measured";
    d_->candidates.push_back({});  // priority: always there, and what stays when nothing else can be said
    try {
      feeds_ = example_feeds(base_, o_.dims);
    } catch (const Error& e) {
      if (e.code() == ErrorCode::kInvalidArgument) throw;
      return give_up(e.what());
    }
    list_orders();
    try_orders();
    const auto runs = [&] { return std::ranges::any_of(d_->candidates, [](const auto& c) { return c.ns >= 0; }); };
    if (!runs() && !budget_.spent()) {  // 1 may be no index where there is room for one element only
      feeds_ = example_feeds(base_, o_.dims, true);
      try_orders();
      if (runs()) d_->notes.emplace_back("integer inputs are 0: with random ones nothing ran");
    }
    measure_nodes();
    if (!m_.bytes.empty()) try_cut();
    compare();
    choose();
    return d_;
  }

 private:
  uint32_t last() const { return static_cast<uint32_t>(kit_.instances.size() - 1); }

  std::shared_ptr<const Decision> give_up(const std::string& why) {
    d_->notes.push_back("nothing was measured, priority order counts: " + why);
    return d_;
  }

  void list_orders() {
    if (last() > 1)  // with one provider besides the default one, priority is its order
      for (uint32_t k = 0; k < last(); ++k) d_->candidates.push_back({Kind::kOnly, k, -1, -1, {}});
    d_->candidates.push_back({Kind::kOnly, last(), -1, -1, {}});
  }

  void try_orders() {
    tried_.clear();
    tried_.resize(d_->candidates.size());
    for (size_t c = 0; c < tried_.size(); ++c) attempt(c);
  }

  /// Candidate that runs everything it can on provider k.
  size_t order_of(uint32_t k) const {
    for (size_t c = 1; c < d_->candidates.size(); ++c)
      if (d_->candidates[c].kind == Kind::kOnly && d_->candidates[c].provider == k) return c;
    return 0;
  }

  bool out_of_budget(const char* what) {
    check_();
    if (!budget_.spent()) return false;
    d_->notes.push_back(fmt::format("tenon.placement_budget_ms was spent before {}", what));
    return true;
  }

  /// Builds a candidate and runs it: once to find its shapes, then for the time of each step.
  void attempt(size_t c) {
    Decision::Candidate& candidate = d_->candidates[c];
    candidate.note.clear();
    if (out_of_budget(d_->name_of(candidate).c_str())) {
      candidate.note = "not tried: the budget was spent";
      return;
    }
    try {
      auto made = std::make_unique<Candidate>(kit_, partition::veto_of(std::make_shared<const Decision>(*d_), c),
                                              Candidate::Form::kFinal);
      tried_[c] = std::move(made);
      tried_[c]->run(feeds_, false);
      time_steps(*tried_[c]);
      candidate.ns = tried_[c]->run(feeds_, false);
    } catch (const std::exception& e) {
      candidate.note = e.what();
    }
  }

  /// The fastest of some runs for each step; at least one.
  void time_steps(Candidate& c) {
    constexpr int kMost = 5;
    for (int round = 0; round < (kit_.simulated ? 1 : kMost) && (round == 0 || !budget_.spent()); ++round)
      c.run(feeds_, true);
  }

  /// What nodes take by themselves where provider k has those it takes; also where a later node fails.
  std::unique_ptr<Candidate> alone(uint32_t k) {
    if (out_of_budget("nodes were timed alone")) return nullptr;
    try {
      auto order = std::make_shared<Decision>(*d_);
      order->candidates = {{Kind::kOnly, k, -1, -1, {}}};
      auto c = std::make_unique<Candidate>(kit_, partition::veto_of(order, 0), Candidate::Form::kSingle);
      try {
        c->run(feeds_, true);
        time_steps(*c);
      } catch (const std::exception& e) {
        d_->notes.push_back(fmt::format("{}: with random inputs: {}", d_->providers[k], e.what()));
      }
      return c;
    } catch (const std::exception& e) {
      d_->notes.push_back(fmt::format("{}: nodes could not be timed alone: {}", d_->providers[k], e.what()));
      return nullptr;
    }
  }

  void measure_nodes() {
    const std::unique_ptr<Candidate> plain = alone(last());
    if (!plain) return;
    find_bytes(plain->timer());
    m_.memories = partition::memories_of(placed_);
    partition::MeasuredRoutes routes = partition::measure_copies(placed_, m_.memories);
    m_.routes = std::move(routes.routes);
    for (std::string& n : routes.notes) d_->notes.push_back(std::move(n));
    describe_links();
    find_takers();
    for (uint32_t k = 0; k <= last(); ++k) {
      const std::unique_ptr<Candidate> single = k == last() || !fuses(k) ? nullptr : alone(k);
      take_times(k, k == last() ? plain.get() : single.get());
    }
    estimate_the_rest();
  }

  /// Sizes as the run saw them, else as inference knows them for these inputs.
  void find_bytes(const StepTimer& seen) {
    m_.bytes = seen.bytes();
    const auto typed = base_.clone();
    for (size_t i = 0; i < feeds_.size(); ++i)
      if (feeds_[i].is_tensor())
        typed->set_type(typed->region().args[i], ValueType::tensor(feeds_[i].dtype(), Dims(feeds_[i].dims())));
    ops::infer_types(*typed);
    for (graph::ValueId v = 0; v < m_.bytes.size(); ++v) {
      const ValueType& t = typed->type(v);
      if (m_.bytes[v] < 0)
        m_.bytes[v] =
            t.is_tensor() && t.is_static() ? static_cast<int64_t>(storage_bytes(t.elem, element_count(t.dims))) : 0;
    }
  }

  void describe_links() {
    const auto provider_of = [&](size_t memory) {
      if (memory == 0) return last();
      return static_cast<uint32_t>(
          std::ranges::find_if(kit_.instances,
                               [&](const auto& i) { return i.provider->device() == m_.memories[memory]; }) -
          kit_.instances.begin());
    };
    const size_t n = m_.memories.size();
    for (size_t a = 0; a < n; ++a)
      for (size_t b = 0; b < n; ++b)
        if (const auto& r = m_.routes[a * n + b]; a != b)
          d_->links.push_back({provider_of(a), provider_of(b), r.latency_ns, r.ns_per_byte, r.direct});
  }

  /// Who may have which node: whoever got it when asked first.
  void find_takers() {
    for (NodeId n = 0; n < base_.node_limit(); ++n) {
      const graph::Node& node = base_.node(n);
      if (!node.alive) continue;
      Decision::Node& x = d_->nodes[n];
      x = {node.name, node.op, last(), {}, 0};
      x.costs.resize(kit_.instances.size());
      bool others = false;
      for (uint32_t k = 0; k < last(); ++k) {
        const Candidate* c = tried_[order_of(k)].get();
        if (!c || c->assigned().at(n) != k || c->placement().barred.contains({n, k})) continue;
        x.costs[k] = {0, true, c->compiled().contains(n)};
        others = true;
      }
      const auto pin = kit_.wishes.pinned.find(node.name);
      const bool elsewhere = pin != kit_.wishes.pinned.end() && pin->second != kit_.instances[last()].key;
      const bool runs = node.def || tried_[order_of(last())];
      if (!others || (runs && kit_.wishes.cpu_fallback && !elsewhere && default_can(node)))
        x.costs[last()] = {0, true, false};
    }
  }

  static bool default_can(const graph::Node& n) {
    return !n.def || n.def->lowering != graph::Lowering::kKernel || n.def->make;
  }

  /// Whether provider k ran several nodes as one step.
  bool fuses(uint32_t k) const {
    const Candidate* c = tried_[order_of(k)].get();
    if (!c) return false;
    const auto steps = c->timer().steps();
    return !std::ranges::any_of(steps, [](const auto* s) { return !s->nodes.empty(); }) ||
           std::ranges::any_of(steps,
                               [&](const auto* s) { return s->provider == d_->providers[k] && s->nodes.size() > 1; });
  }

  std::map<NodeId, int64_t> times_alone(const Candidate* c, uint32_t k) const {
    std::map<NodeId, int64_t> out;
    if (!c) return out;
    for (const StepTimer::Step* s : c->timer().steps())
      if (s->provider == d_->providers[k])
        for (NodeId n : s->nodes) out[n] += s->ns;  // a call that was inlined has several steps
    return out;
  }

  /// A step that stands for several nodes is shared out as these take alone, or by the bytes that they move.
  void take_times(uint32_t k, const Candidate* single) {
    const std::map<NodeId, int64_t> alone = times_alone(single, k);
    const auto weight = [&](NodeId n) {
      const auto it = alone.find(n);
      return static_cast<double>(it == alone.end() ? bytes_moved(n) : it->second) + 1;
    };
    std::map<NodeId, double> ns;
    if (const Candidate* c = tried_[order_of(k)].get()) {
      for (const StepTimer::Step* s : c->timer().steps()) {
        if (s->provider != d_->providers[k]) continue;
        double sum = 0;
        for (NodeId n : s->nodes) sum += weight(n);
        for (NodeId n : s->nodes) ns[n] += static_cast<double>(s->ns) * weight(n) / sum;
      }
    }
    for (const auto& [n, t] : alone) ns.try_emplace(n, static_cast<double>(t));
    const bool whole = ran(order_of(k));
    for (auto& [n, x] : d_->nodes) {
      Decision::Cost& c = x.costs[k];
      if (c.ns < 0) continue;
      if (const auto it = ns.find(n); it != ns.end())
        c = {std::llround(it->second), false, c.compiled};
      else if (whole && base_.node(n).regions.empty() && base_.node(n).region == 0)
        c = {0, false, c.compiled};  // rewritten away
      else if (!base_.node(n).regions.empty())
        c = {0, false, c.compiled};  // what is inside counts
    }
  }

  bool ran(size_t c) const { return d_->candidates[c].ns >= 0; }

  int64_t bytes_moved(NodeId n) const {
    int64_t bytes = 0;
    for (const auto* list : {&base_.node(n).inputs, &base_.node(n).outputs})
      for (graph::ValueId v : *list)
        if (v != graph::kNone) bytes += std::max<int64_t>(m_.bytes[v], 0);
    return bytes;
  }

  /// 1 us and the bytes that the node moves, as fast as the provider has moved them elsewhere, else at 10 GB/s.
  void estimate_the_rest() {
    for (uint32_t k = 0; k <= last(); ++k) {
      double ns = 0, bytes = 0;
      size_t missing = 0;
      for (const auto& [n, x] : d_->nodes) {
        if (x.costs[k].ns < 0) continue;
        missing += x.costs[k].estimated;
        if (x.costs[k].estimated) continue;
        ns += static_cast<double>(x.costs[k].ns);
        bytes += static_cast<double>(bytes_moved(n));
      }
      const double per_byte = bytes > 0 ? ns / bytes : 0.1;
      for (auto& [n, x] : d_->nodes)
        if (Decision::Cost& c = x.costs[k]; c.ns >= 0 && c.estimated)
          c.ns = 1000 + std::llround(per_byte * static_cast<double>(bytes_moved(n)));
      if (missing)
        d_->notes.push_back(fmt::format("{}: {} node{} could not be timed and {} estimated", d_->providers[k], missing,
                                        missing == 1 ? "" : "s", missing == 1 ? "is" : "are"));
    }
  }

  void try_cut() {
    for (size_t c = 0; c < tried_.size(); ++c)
      if (tried_[c]) d_->candidates[c].predicted_ns = predict(*tried_[c]);
    const int64_t predicted = partition::solve_regions(base_, placed_, m_, *d_);
    for (size_t c = 0; c < tried_.size(); ++c) {
      if (!tried_[c] || !same_as_cut(*tried_[c])) continue;
      d_->notes.push_back(fmt::format("the cheapest cut is the same as {}", d_->name_of(d_->candidates[c])));
      return;
    }
    d_->candidates.push_back({Kind::kCut, 0, -1, predicted, {}});
    tried_.emplace_back();
    attempt(tried_.size() - 1);
  }

  int64_t predict(const Candidate& c) const {
    return partition::predict(base_, placed_, m_, *d_, [&](NodeId n) { return c.assigned().at(n); });
  }

  bool same_as_cut(const Candidate& c) const {
    return std::ranges::all_of(d_->nodes, [&](const auto& n) { return c.assigned().at(n.first) == n.second.provider; });
  }

  /// Rounds over all that ran, so that all see the same disturbances; the fastest run of each counts.
  void compare() {
    constexpr int kRounds = 20;
    for (int round = 0; round < (kit_.simulated ? 1 : kRounds) && !budget_.spent(); ++round) {
      for (size_t c = 0; c < tried_.size(); ++c) {
        if (!ran(c)) continue;
        check_();
        try {
          d_->candidates[c].ns = std::min(d_->candidates[c].ns, tried_[c]->run(feeds_, false));
        } catch (const std::exception& e) {
          d_->candidates[c].ns = -1;
          d_->candidates[c].note = e.what();
        }
      }
    }
  }

  /// What comes later in the list has to be faster by more than noise.
  void choose() {
    constexpr double kNoise = 0.98;
    const auto best = [&](auto time) {
      size_t found = SIZE_MAX;
      for (size_t c = 0; c < d_->candidates.size(); ++c) {
        if (!tried_[c] || time(c) < 0) continue;
        if (found == SIZE_MAX || static_cast<double>(time(c)) < kNoise * static_cast<double>(time(found))) found = c;
      }
      return found;
    };
    size_t found = best([&](size_t c) { return d_->candidates[c].ns; });
    if (found == SIZE_MAX) {
      d_->notes.emplace_back("no candidate could be run from end to end: the estimate decides");
      found = best([&](size_t c) { return d_->candidates[c].predicted_ns; });
    }
    d_->chosen = found == SIZE_MAX ? 0 : found;
  }

  CandidateKit& kit_;
  const PlacementOptions& o_;
  const std::function<void()>& check_;
  const Budget budget_;
  const graph::Graph& base_;
  std::shared_ptr<Decision> d_;
  ep::Placed placed_;
  partition::Measurements m_;
  std::vector<Value> feeds_;
  std::vector<std::unique_ptr<Candidate>> tried_;  ///< per candidate of the decision; null: could not be built
};

std::string circumstances(const PlacementOptions& o, const PlacementInputs& in, const partition::Wishes& wishes) {
  std::string out =
      fmt::format("{}\n{} threads {} level {} lanes {} reuse {} pattern {} fallback {} budget {}\n", cpu_description(),
                  isa_name(active_isa()), in.pool ? in.pool->threads() : 1, static_cast<int>(in.passes.level),
                  static_cast<int>(in.options.execution_mode), in.options.enable_mem_reuse,
                  in.options.enable_mem_pattern, wishes.cpu_fallback, o.budget_ms);
  out += version();
  for (const ProviderSpec& p : in.specs) {
    out += "\n" + p.name;
    for (const auto& [key, value] : p.options) out += fmt::format(" {}={}", key, value);
  }
  for (const auto& [node, key] : wishes.pinned) out += fmt::format("\npin {}={}", node, key);
  for (const auto& [name, size] : o.dims) out += fmt::format("\ndim {}={}", name, size);
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
  o.dims = parse_dims(config_text(config, "tenon.placement_dims"));
  o.budget_ms = config_int(config, "tenon.placement_budget_ms", o.budget_ms);
  if (o.budget_ms < 1 || o.budget_ms > 86'400'000)
    fail("tenon.placement_budget_ms: {} found, expected 1 to 86400000", o.budget_ms);
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
    d = measured_placement::Measurement(kit, o, in.check_cancel).run();
    if (std::ranges::any_of(d->candidates, [](const auto& c) { return c.ns >= 0; }))
      partition::keep_decision(o.cache_dir, key, *d, in.log);
  }
  wishes.veto = partition::veto_of(d, d->chosen);
  partition::assign(g, p, wishes);
  return d;
}

}  // namespace tenon::session
