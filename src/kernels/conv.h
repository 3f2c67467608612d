// Convolution in fp32, NCHW, 1 to 3 spatial dims: GEMM for 1x1, implicit GEMM, direct depthwise; and its transpose.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/epilogue.h"

namespace tenon::kernels {

inline constexpr int kMaxSpatial = 3;

/// X [batch, in_channels, in...], W [out_channels, in_channels / groups, kernel...], Y [batch, out_channels, out...].
/// `pad` is the begin padding; the end padding follows from `out`, which the caller computed: positions outside X
/// count as 0. Transposed convolution: W [in_channels, out_channels / groups, kernel...].
struct ConvShape {
  int rank = 2;  ///< spatial dims, 1..3
  int64_t batch = 1, in_channels = 1, out_channels = 1, groups = 1;
  int64_t in[kMaxSpatial] = {1, 1, 1}, out[kMaxSpatial] = {1, 1, 1}, kernel[kMaxSpatial] = {1, 1, 1};
  int64_t stride[kMaxSpatial] = {1, 1, 1}, dilation[kMaxSpatial] = {1, 1, 1}, pad[kMaxSpatial] = {0, 0, 0};
};

struct ConvArgs {
  ConvShape shape;
  const float* x = nullptr;
  const float* w = nullptr;        ///< may be null when packed_w is set
  const void* packed_w = nullptr;  ///< from conv_pack with the same channels, groups, kernel, stride, dilation, table
  float* y = nullptr;
  Epilogue epilogue;  ///< bias per output channel (bias_kind is ignored), residual shaped like y
};

/// y = act(conv(x, w) + bias + residual). Same rounding for every number of threads. Stack memory only.
void conv(const ConvArgs& args, const Parallel& par, const KernelTable& table = kernels());

/// Bytes of packed weights; 0 = this convolution runs on the weights as they lie. Spatial extents are not looked at.
size_t conv_packed_bytes(const ConvShape& shape, const KernelTable& table = kernels());
/// 64-byte aligned dst.
void conv_pack(const ConvShape& shape, const float* w, void* dst, const KernelTable& table = kernels());

/// Transposed convolution (ConvTranspose): y of `out` extents, `pad` = begin padding cut from the full result.
/// `scratch`: conv_transpose_scratch(shape) bytes, 64-byte aligned.
size_t conv_transpose_scratch(const ConvShape& shape);
void conv_transpose(const ConvArgs& args, void* scratch, const Parallel& par, const KernelTable& table = kernels());

}  // namespace tenon::kernels
