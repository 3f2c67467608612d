// Times the orders of providers, learns from them what each node costs where, solves, times the answer, compares.
#include "session/measurement.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "ops/infer_types.h"
#include "partition/measure_copies.h"
#include "partition/region_table.h"
#include "session/example_feeds.h"
#include "session/node_costs.h"

namespace tenon::session {
namespace measurement {
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
  Measurement(CandidateKit& kit, const MeasurementOptions& o, const std::function<void()>& check)
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
    m_.memories = partition::memories_of(placed_);
    if (m_.memories.size() > partition::CostTable::kMaxMemories || kit_.instances.size() > UINT8_MAX) {
      d_->notes.push_back(
          fmt::format("no cut: more than {} memories or {} providers", partition::CostTable::kMaxMemories, UINT8_MAX));
      return;
    }
    find_bytes(plain->timer());
    partition::MeasuredRoutes routes = partition::measure_copies(placed_, m_.memories);
    m_.routes = std::move(routes.routes);
    for (std::string& n : routes.notes) d_->notes.push_back(std::move(n));
    describe_links();
    NodeCosts costs(kit_, m_.bytes, *d_);
    std::vector<const Candidate*> orders;
    for (uint32_t k = 0; k <= last(); ++k) orders.push_back(tried_[order_of(k)].get());
    costs.find_takers(orders);
    for (uint32_t k = 0; k <= last(); ++k) {
      const std::unique_ptr<Candidate> single = k < last() && costs.shares_steps(k, orders[k]) ? alone(k) : nullptr;
      costs.take_times(k, orders[k], k == last() ? plain.get() : single.get(), ran(order_of(k)));
    }
    costs.estimate_the_rest();
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

  bool ran(size_t c) const { return d_->candidates[c].ns >= 0; }

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
  const MeasurementOptions& o_;
  const std::function<void()>& check_;
  const Budget budget_;
  const graph::Graph& base_;
  std::shared_ptr<Decision> d_;
  ep::Placed placed_;
  partition::Measurements m_;
  std::vector<Value> feeds_;
  std::vector<std::unique_ptr<Candidate>> tried_;  ///< per candidate of the decision; null: could not be built
};

}  // namespace
}  // namespace measurement

std::shared_ptr<const partition::Decision> measure(CandidateKit& kit, const MeasurementOptions& o,
                                                   const std::function<void()>& check_cancel) {
  return measurement::Measurement(kit, o, check_cancel).run();
}

}  // namespace tenon::session
