// CpuTime: seconds of processor time of the calling thread, so that limits on time do not depend on the machine's load.
#pragma once
#include <ctime>

namespace tenon::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr double kSlowdown = 20;
#else
inline constexpr double kSlowdown = 1;
#endif

/// A limit of so many seconds; builds with sanitizers get more.
constexpr double limit_s(double seconds) { return seconds * kSlowdown; }

class CpuTime {
 public:
  CpuTime() : start_(now()) {}
  double seconds() const { return now() - start_; }

 private:
  static double now() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  }
  double start_;
};

}  // namespace tenon::test
