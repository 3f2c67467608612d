// progress.h: a progress bar on stderr, for people only: on a terminal, and for work of over a second.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace tenon::cli {

class Progress {
 public:
  /// `total` 0: unknown, only the count is shown.
  Progress(std::string label, int64_t total);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(int64_t done);
  void clear();  ///< removes the bar, so that a line can be printed

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_;
  int64_t total_;
  bool terminal_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now(), last_ = start_;
};

}  // namespace tenon::cli
