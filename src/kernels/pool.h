// Pooling in fp32 over 1 to 3 spatial dims: max (with indices), average, Lp.
#pragma once
#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/conv.h"

namespace tenon::kernels {

/// X [planes, in...] -> Y [planes, out...], planes = batch * channels. The caller computed `out` (ceil_mode, auto_pad).
struct PoolArgs {
  int rank = 2;
  int64_t planes = 1;
  int64_t in[kMaxSpatial] = {1, 1, 1}, out[kMaxSpatial] = {1, 1, 1}, kernel[kMaxSpatial] = {1, 1, 1};
  int64_t stride[kMaxSpatial] = {1, 1, 1}, dilation[kMaxSpatial] = {1, 1, 1};
  int64_t pad[kMaxSpatial] = {0, 0, 0}, pad_end[kMaxSpatial] = {0, 0, 0};
  const float* x = nullptr;
  float* y = nullptr;
};

/// Padding counts as -inf. indices (or null): flat index into X of the first largest value; column_major numbers the
/// last dim slowest within a plane (storage_order = 1).
void max_pool(const PoolArgs& args, int64_t* indices, bool column_major, const Parallel& par,
              const KernelTable& table = kernels());
/// include_pad: positions of [-pad, in + pad_end) count in the divisor, positions beyond (ceil_mode) never do.
void average_pool(const PoolArgs& args, bool include_pad, const Parallel& par, const KernelTable& table = kernels());
/// (sum |x|^p)^(1/p) over the window.
void lp_pool(const PoolArgs& args, int64_t p, const Parallel& par, const KernelTable& table = kernels());

}  // namespace tenon::kernels
