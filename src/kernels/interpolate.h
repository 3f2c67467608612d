// Resampling of one axis: every result row is a weighted sum of input rows, or a copy of one.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"

namespace tenon::kernels {

/// X [outer, in, inner] -> Y [outer, out, inner]. Result row j is the sum over t < taps of weight[j taps + t] times
/// input row index[j taps + t]; where index[j taps] is negative it is filled with `outside`.
template <class T>
struct AxisSum {
  int64_t outer = 1, in = 1, out = 1, inner = 1;
  int64_t taps = 1;
  const int64_t* index = nullptr;
  const T* weight = nullptr;
  T outside = 0;
};
template <class T>
void sum_axis(const AxisSum<T>& a, const T* x, T* y, const Parallel& par);
extern template void sum_axis(const AxisSum<float>&, const float*, float*, const Parallel&);
extern template void sum_axis(const AxisSum<double>&, const double*, double*, const Parallel&);

/// Same with one tap and no weight, for trivially copyable elements of `elem` bytes (1, 2, 4, 8 or 16).
struct AxisPick {
  int64_t outer = 1, in = 1, out = 1, inner = 1;
  const int64_t* index = nullptr;
  const void* outside = nullptr;  ///< one element
};
void pick_axis(const AxisPick& a, const void* x, void* y, size_t elem, const Parallel& par);

}  // namespace tenon::kernels
