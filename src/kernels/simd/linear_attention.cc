// One step of linear attention's recurrence; loops over columns become vector code.
#include "kernels/linear_attention.h"

#include "kernels/simd/vec.h"

namespace tenon::kernels::TENON_ISA {
namespace {

TENON_INLINE void axpy(float a, const float* x, float* y, int64_t n) {
  const F f = set(a);
  int64_t j = 0;
  for (; j + W <= n; j += W) store(y + j, fma(f, load(x + j), load(y + j)));
  if (j < n) store_n(y + j, fma(f, load_n(x + j, n - j), load_n(y + j, n - j)), n - j);
}

void step(const StateStep& s) {
  const int64_t n = s.columns;
  alignas(64) float write[kStateColumns], sum[kStateColumns];
  for (int64_t j = 0; j < n; ++j) sum[j] = 0;
  if (s.decay || s.delta)
    for (int64_t i = 0; i < s.rows; ++i) {
      float* row = s.state + i * s.ld;
      if (s.decay)
        for (int64_t j = 0; j < n; ++j) row[j] *= s.decay[i];
      if (s.delta) axpy(s.key[i], row, sum, n);
    }
  for (int64_t j = 0; j < n; ++j) write[j] = s.delta ? s.beta * (s.value[j] - sum[j]) : s.value[j];
  for (int64_t i = 0; i < s.rows; ++i) axpy(s.key[i], write, s.state + i * s.ld, n);
  for (int64_t h = 0; h < s.queries; ++h) {
    const float* q = s.query + h * s.rows;
    for (int64_t j = 0; j < n; ++j) sum[j] = 0;
    for (int64_t i = 0; i < s.rows; ++i) axpy(q[i], s.state + i * s.ld, sum, n);
    for (int64_t j = 0; j < n; ++j) s.out[h * s.out_step + j] = s.scale * sum[j];
  }
}

}  // namespace

extern const StateKernels kState;
const StateKernels kState = {step};

}  // namespace tenon::kernels::TENON_ISA
