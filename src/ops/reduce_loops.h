// Plain reductions of double, int64 and uint64, and the rules of axes that the reduction operators share.
#pragma once
#include "kernels/reduce.h"
#include "ops/infer.h"
#include "ops/kernel.h"

namespace tenon::ops {

inline constexpr size_t kMaxReduceRank = 64;

/// Which axes a node reduces, from attribute or input `axes`, given at most kMaxReduceRank dims.
struct ReducedAxes {
  bool flag[kMaxReduceRank] = {};
  size_t rank = 0;
  /// No axes mean all of them, or none where `noop` says so. Axes may repeat; out of range is an error.
  ReducedAxes(size_t rank, std::span<const int64_t> axes, bool noop);
  bool any() const;
  std::span<const bool> flags() const { return {flag, rank}; }
};
/// Dims after the reduction.
Dims reduced_dims(const Dims& dims, const ReducedAxes& axes, bool keepdims);

/// y = x reduced, for T = double, int64_t, uint64_t; integer sums and products wrap, integer means truncate. `lowest`
/// and `highest`: what kMax and kMin give for no values. kMean of no integers is an error.
template <class T>
void reduce_loops(kernels::Reduce op, const T* x, std::span<const int64_t> dims, std::span<const bool> reduced, T* y,
                  T lowest, T highest, KernelContext& c);

}  // namespace tenon::ops
