// What DFT and STFT share: transforms of many signals side by side, computed in double for every element type.
#pragma once
#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>

#include "kernels/fft.h"
#include "ops/infer.h"
#include "ops/move.h"

namespace tenon::ops::fourier {

inline double as_double(float v) { return static_cast<double>(v); }
inline double as_double(double v) { return v; }
inline double as_double(Half v) { return static_cast<double>(to_float(v)); }
inline double as_double(BFloat16 v) { return static_cast<double>(to_float(v)); }
inline void put(float& to, double v) { to = static_cast<float>(v); }
inline void put(double& to, double v) { to = v; }
inline void put(Half& to, double v) { to = to_half(static_cast<float>(v)); }
inline void put(BFloat16& to, double v) { to = to_bfloat16(static_cast<float>(v)); }
using FloatTypes = TypeList<float, double, Half, BFloat16>;

/// The tables of the length that was asked for last; most nodes only ever see one.
template <class Transform>
class LastTransform {
 public:
  std::shared_ptr<const Transform> of(int64_t n) const {
    const std::lock_guard lock(mutex_);
    if (!last_ || last_->size() != n) last_ = std::make_shared<const Transform>(n);
    return last_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Transform> last_;
};

/// f(row, work) for every row of [0, rows): `work` = `need` complex numbers of a thread's own. Rows cost about
/// 8 n log n ns.
template <class F>
void each_row(KernelContext& c, int64_t rows, int64_t n, int64_t need, F&& f) {
  if (rows == 0) return;
  const int64_t lanes = std::min<int64_t>(rows, c.par.threads() > 1 ? 4 * c.par.threads() : 1);
  auto* work = c.scratch<kernels::Complex>(checked_mul(lanes, need));
  const double cost = 8.0 * static_cast<double>(n) * (1 + std::log2(static_cast<double>(n)));
  c.par.loop(lanes, cost * static_cast<double>(rows) / static_cast<double>(lanes), [&](int64_t begin, int64_t end) {
    for (int64_t lane = begin; lane < end; ++lane)
      for (int64_t row = rows * lane / lanes; row < rows * (lane + 1) / lanes; ++row) {
        if (c.par.cancel) c.par.cancel->check();
        f(row, work + lane * need);
      }
  });
}

/// Throws unless the last dim of the signal, which tells real from complex numbers, is 1 or 2.
inline void expect_parts(int64_t parts) {
  if (!is_symbol(parts) && parts != 1 && parts != 2)
    fail("the last dim of the signal is {}, expected 1 (real) or 2 (real and imaginary part)", parts);
}
/// Throws unless a length is one that Fft takes.
inline void expect_length(int64_t n, const char* what) {
  if (is_symbol(n)) return;
  if (n < 1 || n > kernels::Fft::kMaxLength) fail("{} is {}, expected 1 to {}", what, n, kernels::Fft::kMaxLength);
}
/// Attribute `name` of DFT and STFT that is 0 or 1.
inline bool flag(const graph::Attrs& attrs, const char* name, int64_t otherwise) {
  const int64_t v = attrs.get_int(name, otherwise);
  if (v != 0 && v != 1) fail("attribute {}: {} found, expected 0 or 1", name, v);
  return v == 1;
}

}  // namespace tenon::ops::fourier
