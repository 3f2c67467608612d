// Reductions over any axes, softmax, arg max, and the normalisations of rows, all in fp32.
#pragma once
#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "kernels/epilogue.h"

namespace tenon::kernels {

/// Empty input: 0 for sums, 1 for kProd, -inf / inf for kMax / kMin, NaN for kMean, -inf for logs.
enum class Reduce : uint8_t { kSum, kMean, kMax, kMin, kProd, kSumSquare, kL1, kL2, kLogSum, kLogSumExp };

/// y = x reduced over the dims whose `reduced` entry is true; y holds the kept dims in order. Sums are blocked (error
/// about 1e-6 of the sum of magnitudes for 10^6 values) and cut by shape alone. kMax and kMin give NaN if any is NaN.
void reduce(Reduce op, const float* x, std::span<const int64_t> dims, std::span<const bool> reduced, float* y,
            const Parallel& par, const KernelTable& table = kernels());

/// x viewed as [outer, axis, inner]; softmax along axis. Rows of -inf only, or with NaN or +inf, give NaN.
void softmax(const float* x, float* y, int64_t outer, int64_t axis, int64_t inner, bool log, const Parallel& par,
             const KernelTable& table = kernels());

/// Index of the largest (or smallest) value along axis of [outer, axis, inner]; ties: first, or last. The first NaN
/// wins over numbers, as in numpy. axis >= 1.
void arg_reduce(const float* x, int64_t* y, int64_t outer, int64_t axis, int64_t inner, bool max, bool last,
                const Parallel& par, const KernelTable& table = kernels());

/// y = (x - mean) / sqrt(var + eps) * scale + bias over each row of n values. With `skip` (rows of n, and skip_bias of
/// n, both optional) the row is x + skip + skip_bias, stored to `sum` when that is not null.
struct NormArgs {
  int64_t rows = 0, n = 0;
  const float* x = nullptr;
  const float* skip = nullptr;
  const float* skip_bias = nullptr;
  int64_t skip_rows = 0;         ///< 0 = as many as rows; else row i adds skip row i % skip_rows
  const float* scale = nullptr;  ///< n values, or null
  const float* bias = nullptr;   ///< n values, or null
  float eps = 1e-5f;
  float* y = nullptr;
  float* sum = nullptr;      ///< rows x n
  float* mean = nullptr;     ///< one per row, or null
  float* inv_std = nullptr;  ///< one per row, or null
};
void layer_norm(const NormArgs& args, const Parallel& par, const KernelTable& table = kernels());
/// y = x / sqrt(mean(x^2) + eps) * scale + bias; `mean` is not written.
void rms_norm(const NormArgs& args, const Parallel& par, const KernelTable& table = kernels());

}  // namespace tenon::kernels
