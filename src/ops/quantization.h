// Granularity of QuantizeLinear and DequantizeLinear: one scale per tensor, per index of an axis, or per block of it.
#pragma once
#include "ops/infer.h"
#include "ops/kernel.h"

namespace tenon::ops {

/// Throws unless scale (input 1) and zero point (input 2, optional) fit input 0. Block sizes: see the operators.
void check_granularity(InferContext& c);

/// The tensor as runs: stretches of consecutive elements with one scale, or with one scale each.
struct QuantRuns {
  int64_t count = 1;       ///< runs
  int64_t length = 0;      ///< elements of a run (the last one of an axis may be shorter)
  int64_t scale_step = 0;  ///< 0: one scale for the run; 1: consecutive scales

  QuantRuns(std::span<const int64_t> dims, std::span<const int64_t> scale, int64_t axis, int64_t block);
  struct Run {
    int64_t begin, length, scale;
  };
  Run run(int64_t i) const;

 private:
  enum class Kind : uint8_t { kTensor, kAxisRows, kAxisElements, kBlockRows, kBlockPieces };
  Kind kind_ = Kind::kTensor;
  int64_t axis_ = 1, inner_ = 1, scales_ = 1, block_ = 1;
};

/// Elements of a number type as floats in scratch memory (or its own memory when it holds floats).
const float* scratch_floats(KernelContext& c, const TensorRef& t);

/// q = saturate(round_half_even(x / scale) + zero) as the code of `to` in a byte (two for 16-bit types); float types
/// take x / scale + zero. NaN gives an integer type's lowest value.
struct QuantizeTo {
  explicit QuantizeTo(DType to, bool saturate = true);
  void row(const float* x, int64_t n, const float* scale, const float* zero, int64_t step, void* codes) const;

  DType to;
  bool saturate, is_integer, wide;  ///< wide: 16-bit codes
  float low = 0, high = 0;
};

}  // namespace tenon::ops
