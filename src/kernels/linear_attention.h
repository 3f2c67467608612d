// Linear attention: one step of the recurrence of a state matrix, on a block of its columns.
#pragma once
#include <cstdint>

namespace tenon::kernels {

inline constexpr int64_t kStateColumns = 64;  ///< a block of rows x 64 floats stays in the first cache

/// S = diag(decay) S;  u = delta ? beta (v - S' k) : v;  S = S + k u';  out_h = scale q_h' S, for a block of columns.
struct StateStep {
  float* state = nullptr;  ///< [rows, columns], row stride ld
  int64_t rows = 0, columns = 0, ld = 0;
  const float* decay = nullptr;  ///< a factor per row, or null
  const float* key = nullptr;    ///< [rows]
  const float* value = nullptr;  ///< [columns]
  bool delta = false;
  float beta = 1;
  int64_t queries = 0;
  const float* query = nullptr;  ///< queries of `rows` values, one after the other
  float scale = 1;
  float* out = nullptr;  ///< query h writes `columns` values at h * out_step
  int64_t out_step = 0;
};

struct StateKernels {
  /// columns <= kStateColumns.
  void (*step)(const StateStep&);
};

}  // namespace tenon::kernels
