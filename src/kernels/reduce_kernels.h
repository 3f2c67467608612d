// ReduceKernels: the row functions behind reduce.h of one instruction set.
#pragma once
#include <cstdint>

namespace tenon::kernels {

/// What is folded: the value itself, its square, its magnitude, the largest, ...
enum class Fold : uint8_t { kSum, kSquares, kMagnitudes, kProduct, kMax, kMin };
inline constexpr int kFolds = static_cast<int>(Fold::kMin) + 1;

struct NormRow {
  const float* x = nullptr;
  const float* skip = nullptr;       ///< or null
  const float* skip_bias = nullptr;  ///< or null
  const float* scale = nullptr;      ///< or null
  const float* bias = nullptr;       ///< or null
  float* y = nullptr;
  float* sum = nullptr;  ///< x + skip + skip_bias, or null
  int64_t n = 0;
  float eps = 0;
};
struct NormStats {
  float mean, inv_std;
};

struct ReduceKernels {
  /// Of n contiguous values; the neutral element when n = 0. Sums are added up in double every 4096 values.
  double (*fold[kFolds])(const float* x, int64_t n);
  /// out[j] = fold of x[r * stride + j], r < rows; `add`: and of what out holds. n <= kFoldColumns.
  void (*fold_rows[kFolds])(const float* x, int64_t rows, int64_t stride, int64_t n, float* out, bool add);
  /// y[i] = exp(x[i] - top) (y may be null); gives the sum.
  float (*exp_sum)(const float* x, float* y, int64_t n, float top);
  /// out[j] (+)= sum over rows of exp(x[r * stride + j] - top[j]).
  void (*exp_sum_rows)(const float* x, int64_t rows, int64_t stride, int64_t n, const float* top, float* out, bool add);
  void (*softmax_row)(const float* x, float* y, int64_t n, bool log);
  /// Along r for n <= kFoldColumns columns.
  void (*softmax_rows)(const float* x, float* y, int64_t rows, int64_t stride, int64_t n, bool log);
  int64_t (*arg_row)(const float* x, int64_t n, bool max, bool last);
  void (*arg_rows)(const float* x, int64_t rows, int64_t stride, int64_t n, bool max, bool last, int64_t* out);
  NormStats (*layer_norm)(const NormRow&);
  NormStats (*rms_norm)(const NormRow&);
};

inline constexpr int64_t kFoldColumns = 256;

}  // namespace tenon::kernels
