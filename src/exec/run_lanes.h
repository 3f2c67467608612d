// LaneRun: runs of a segment on lanes.
#pragma once
#include <atomic>
#include <exception>

#include "exec/frame.h"
#include "exec/lanes.h"

namespace tenon::exec {

/// Kept by its frame, so that warm runs allocate nothing. Any number of threads help: each takes a lane whose next step
/// is ready, and leaves it where it has to wait. One thread alone gets through as well, so a pool that is busy
/// elsewhere delays a run, but cannot stop it.
class LaneRun {
 public:
  LaneRun(Frame& f, std::shared_ptr<const Segment> s, std::shared_ptr<const LaneSchedule> schedule);
  ~LaneRun();
  void run();
  /// At the head of a run of the frame: scratch memory that the last runs did not need goes in the end.
  void settle() noexcept;
  const Segment& segment() const { return *segment_; }

 private:
  class Host;
  void help();
  bool ready(size_t lane) const;
  void work(size_t lane);
  void stop(std::exception_ptr error);

  struct alignas(64) Lane {  // each on a cache line of its own
    std::unique_ptr<Host> host;
    Observer* observer = nullptr;
    std::atomic<bool> taken{false};
    std::atomic<uint32_t> at{0};
  };
  void run_step(Lane& lane, uint32_t step);
  Frame& frame_;
  std::shared_ptr<const Segment> segment_;
  std::shared_ptr<const LaneSchedule> schedule_;
  std::vector<Lane> lanes_;
  bool used_ = false;
  KeepPolicy policy_;
  std::vector<std::atomic<bool>> done_;
  std::atomic<uint32_t> left_;         ///< steps
  std::atomic<uint32_t> progress_{0};  ///< counts steps done and lanes left; waited for
  std::atomic<bool> stopped_{false}, failed_{false};
  std::exception_ptr error_;
};

}  // namespace tenon::exec
