// Lanes: the steps of a segment side by side, where that is faster than loops split over threads.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/fork_mutex.h"
#include "exec/shape_tree.h"
#include "plan/plan.h"

namespace tenon::exec {

/// Steps of a segment assigned to lanes; each lane runs its steps in order.
struct LaneSchedule {
  std::vector<std::vector<uint32_t>> lanes;  ///< indices of Plan::steps
  std::vector<std::vector<uint32_t>> waits;  ///< per step of the segment: steps of other lanes that come before it
  double makespan_ns = 0;
};

/// Cost-weighted list schedule: the ready step with the longest way to the end goes to the lane where it ends first.
/// `cost_ns`: per step of the segment.
LaneSchedule list_schedule(const Segment& s, const plan::Plan& p, std::span<const double> cost_ns, size_t lanes);

/// The same shapes with buffers packed for this schedule: two buffers share bytes only where the order of lanes and
/// waits keeps their uses apart.
std::shared_ptr<Segment> packed_for(const Segment& s, const plan::Plan& p, const LaneSchedule& schedule);

/// What the runs of one segment have shown: which way is faster. Thread-safe.
class LaneChoice {
 public:
  enum class Way : uint8_t {
    kPlain,     ///< step by step, loops split over threads
    kAlone,     ///< the same on one thread, to learn what each step costs
    kTogether,  ///< as kPlain, timed as a whole
    kLanes,
  };
  struct Decision {
    Way way = Way::kPlain;
    bool on_trial = false;             ///< kLanes: the run tells lanes() how long it took
    std::shared_ptr<Segment> segment;  ///< kLanes: the shapes as packed for the schedule
    std::shared_ptr<const LaneSchedule> schedule;
  };
  LaneChoice(const Segment& s, const plan::Plan& p);
  /// `always`: lanes as soon as costs are known, faster or not.
  Decision next(bool always);
  /// What the steps took in a run of each kind; empty: it has failed.
  void alone(std::span<const double> step_ns);
  void together(std::span<const double> step_ns, const Segment& s, const plan::Plan& p, size_t lanes, bool always);
  /// What a run on lanes took, as a whole. They must keep what they promised, or runs go back to kPlain.
  void lanes(double ns);

 private:
  static constexpr int kNobody = -1;
  static constexpr int kTrials = 5;
  static constexpr int kRuns = 3;           // of each kind of measurement; minima count
  static constexpr double kWorthIt = 0.93;  // lanes must promise at least this share of the time
  static constexpr double kKeep = 0.97;     // and keep at least this one
  OwnedForkMutex mutex_;
  bool eligible_, decided_ = false;
  int measuring_ = kNobody;  ///< fork generation of the run that measures: a child does not wait for its parent's
  int alone_runs_ = 0, together_runs_ = 0, lane_runs_ = 0;
  std::vector<double> cost_ns_;
  double together_ns_ = 0, lanes_ns_ = 0;
  Decision lanes_;
};

}  // namespace tenon::exec
