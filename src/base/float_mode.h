// FloatMode: whether this thread's float arithmetic takes denormals for zeros.
#pragma once
#include <xmmintrin.h>

namespace tenon {

/// While it lives, the thread works in the given mode. Loops of a thread pool run in the mode of their caller, so a
/// mode that is set around a run holds in all threads that take part.
class FloatMode {
 public:
  /// Bits of MXCSR: denormal results become zeros (FTZ), denormal operands count as zeros (DAZ).
  static constexpr unsigned kFlushDenormals = 0x8040;
  static unsigned current() noexcept { return _mm_getcsr() & kFlushDenormals; }

  explicit FloatMode(unsigned mode) noexcept : before_(_mm_getcsr()) {
    if ((before_ & kFlushDenormals) != mode) _mm_setcsr((before_ & ~kFlushDenormals) | mode);
  }
  ~FloatMode() {
    if (_mm_getcsr() != before_) _mm_setcsr(before_);
  }
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
  unsigned before_;
};

}  // namespace tenon
