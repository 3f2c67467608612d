// progress.cc: [#####.....] 12/24 label, redrawn at most ten times a second.
#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace tenon::cli {

Progress::Progress(std::string label, int64_t total)
    : label_(std::move(label)), total_(total), terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::update(int64_t done) {
  if (!terminal_) return;
  const Clock::time_point now = Clock::now();
  if (now - start_ < std::chrono::seconds(1) || now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  shown_ = true;
  if (total_ <= 0) {
    std::fprintf(stderr, "\r\033[K%lld %s", static_cast<long long>(done), label_.c_str());
  } else {
    constexpr int kWidth = 30;
    const int full = static_cast<int>(std::clamp<int64_t>(done * kWidth / total_, 0, kWidth));
    std::fprintf(stderr, "\r\033[K[%s%s] %lld/%lld %s", std::string(full, '#').c_str(),
                 std::string(kWidth - full, '.').c_str(), static_cast<long long>(done), static_cast<long long>(total_),
                 label_.c_str());
  }
  std::fflush(stderr);
}

void Progress::clear() {
  if (!shown_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace tenon::cli
