// ConvKernels: what the convolution driver needs from an instruction set. Pointers and extents only.
#pragma once
#include <cstdint>

namespace tenon::kernels {

/// acc(i, j) (+)= sum_p x[pixel[i] + tap[p]] b(p, j): m output pixels by n <= nr output channels.
struct ConvPanel {
  const float* x = nullptr;
  const int64_t* pixel = nullptr;  ///< m offsets
  const int64_t* tap = nullptr;    ///< k offsets
  const float* b = nullptr;        ///< k rows of whole vectors, b_row apart
  int64_t b_row = 0;
  int64_t m = 0, n = 0, k = 0;
  float* acc = nullptr;  ///< m rows of nr
  bool add = false;      ///< to what acc holds
};

/// y(j, i) = clamp(acc(i, j) + bias[j] + residual(j, i)) for m pixels of n channels; y and residual rows are ld apart.
struct ConvStore {
  const float* acc = nullptr;
  int64_t m = 0, n = 0;
  float* y = nullptr;
  int64_t ld = 0;
  const float* bias = nullptr;      ///< n values, or null
  const float* residual = nullptr;  ///< or null
  bool clamp = false;
  float low = 0, high = 0;
};

/// One output row of a depthwise convolution: y[i] = sum over rows r and taps t of w[r * taps + t] * x[r][offset[t] +
/// i]. Tap t of a strided convolution reads phase (t * dilation) % stride of a row that was split by phases.
struct DepthwiseRow {
  const float* const* rows = nullptr;  ///< kernel rows; null where the row lies outside
  int64_t kernel_rows = 0, taps = 0;
  const int64_t* offset = nullptr;  ///< per tap
  const float* w = nullptr;
  float* y = nullptr;
  int64_t n = 0;
  float bias = 0;
  const float* residual = nullptr;  ///< or null
  bool clamp = false;
  float low = 0, high = 0;
};

/// Output rows [y0, y1) of one plane of a square depthwise convolution with dilation 1.
struct DepthwisePlane {
  const float* x = nullptr;
  int64_t in_h = 0, in_w = 0, pad_h = 0, pad_w = 0;
  const float* w = nullptr;
  float* y = nullptr;
  int64_t out_w = 0, y0 = 0, y1 = 0;
  float bias = 0;
  const float* residual = nullptr;  ///< or null
  bool clamp = false;
  float low = 0, high = 0;
};

struct ConvKernels {
  void (*panel)(const ConvPanel&);
  void (*store)(const ConvStore&);
  void (*depthwise_row)(const DepthwiseRow&);
  /// By kernel extent (3, 5) and stride (1, 2).
  void (*depthwise_plane[2][2])(const DepthwisePlane&);
  /// even[i] = in[2 i], odd[i] = in[2 i + 1] for i < n; reads 2 n values.
  void (*split_even_odd)(const float* in, float* even, float* odd, int64_t n);
  /// out[0 .. n) = `before` zeros, then in[0 .. count), then zeros.
  void (*pad_row)(const float* in, int64_t count, int64_t before, float* out, int64_t n);
};

}  // namespace tenon::kernels
