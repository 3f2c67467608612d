// PoolKernels: sliding windows along a row, of one instruction set.
#pragma once
#include <cstdint>

namespace tenon::kernels {

struct PoolKernels {
  /// out[i] = largest (or sum) of row[offset[t] + i] over taps t, i < n; taps >= 1.
  void (*window_max)(const float* row, const int64_t* offset, int64_t taps, int64_t n, float* out);
  void (*window_sum)(const float* row, const int64_t* offset, int64_t taps, int64_t n, float* out);
};

}  // namespace tenon::kernels
