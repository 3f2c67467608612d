// Rotary position embeddings: what RotaryEmbedding, its kin and GroupQueryAttention share.
#pragma once
#include "base/function_ref.h"
#include "kernels/epilogue.h"
#include "ops/kernel.h"

namespace tenon::ops::rotary {

/// The angles of one position: `half` cosines and sines.
struct Angles {
  const float *cos, *sin;
};

/// Turns the first 2 half values of x, in pairs (i, i + half) or interleaved (2i, 2i + 1), and copies the rest up to
/// `size`. x and y must not overlap.
void turn(const float* x, Angles a, float* y, int64_t half, int64_t size, bool interleaved,
          const kernels::KernelTable& table);

/// Where the heads of a [batch, length, heads size] or [batch, heads, length, size] tensor lie.
struct Layout {
  int64_t batch, heads, length, size;
  bool heads_first;
  /// A 3-D tensor has `heads` heads.
  static Layout of(const TensorRef& x, int64_t heads);
};
/// turn() on every head of every position; angles(b, s) gives those of position s of batch entry b.
void turn_all(const Parallel& par, const Layout& at, const float* x, float* y, int64_t half, bool interleaved,
              FunctionRef<Angles(int64_t, int64_t)> angles, const kernels::KernelTable& table);

}  // namespace tenon::ops::rotary
