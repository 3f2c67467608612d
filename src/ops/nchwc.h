// The blocked layout of domain com.microsoft.nchwc: [N, C / block, spatial..., block], with the dims of [N, C, spatial]
// and C a multiple of the block. onnxruntime chooses the block by the machine that saves a model: 16 with AVX-512, else
// 8, and models do not say which.
#pragma once
#include "ops/kernel.h"
#include "ops/move.h"

namespace tenon::ops::nchwc {

inline int64_t block() { return detected_isa() >= Isa::kAvx512 ? 16 : 8; }
inline int64_t padded(int64_t channels) { return (channels + block() - 1) / block() * block(); }

struct Layout {
  static Dims plain_dims(std::span<const int64_t> d) { return d; }
  static void to_plain(const Parallel& par, const TensorRef& from, void* to) {
    const int64_t b = block(), s = extent(from.dims(), 2, from.rank);
    StridedCopy copy;
    copy.loop(from.dim[0] * from.dim[1] / b, s * b, s * b);
    copy.loop(b, 1, s);
    copy.loop(s, b, 1);
    copy.run(par, from.dtype, from.data, to);
  }
  static void from_plain(const Parallel& par, const TensorRef& from, void* to) {
    const int64_t b = block(), s = extent(from.dims(), 2, from.rank);
    StridedCopy copy;
    copy.loop(from.dim[0] * from.dim[1] / b, s * b, s * b);
    copy.loop(s, 1, b);
    copy.loop(b, s, 1);
    copy.run(par, from.dtype, from.data, to);
  }
};

/// Throws unless input 0 is [N, C, H, W] with C a multiple of the block.
inline void expect_blocked(InferContext& c) {
  expect_rank(c, 0, 4);
  if (c.has_rank(0) && !is_symbol(c.dims(0)[1]) && c.dims(0)[1] % block() != 0)
    fail("X has {} channels, expected a multiple of {}, the block of this machine", c.dims(0)[1], block());
}

}  // namespace tenon::ops::nchwc
