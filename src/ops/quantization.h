// Granularity of QuantizeLinear and DequantizeLinear: one scale per tensor, per index of an axis, or per block of it.
#pragma once
#include "kernels/epilogue.h"
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

/// Throws unless each of these operands, where present, has one element.
void expect_scalars(InferContext& c, std::initializer_list<size_t> inputs);

/// Scale and zero point of an 8-bit tensor.
struct ByteScale {
  float scale = 1;
  int32_t zero = 0;

  /// From scalar operands; a missing zero point is 0.
  static ByteScale of(KernelContext& c, size_t scale, size_t zero);
  /// (code - zero) scale for each of the 256 bit patterns.
  void values(bool is_signed, float* table) const;
  /// Bit pattern of saturate(round_half_even(x / scale) + zero); NaN gives the lowest value.
  uint8_t code(float x, bool is_signed) const;
  bool operator==(const ByteScale&) const = default;
};
/// y = the uint8 codes of x as DynamicQuantizeLinear defines them: the scale makes [min(x, 0), max(x, 0)] fill the
/// type.
ByteScale dynamic_range(const float* x, int64_t n, const Parallel& par, const kernels::KernelTable& table);
void quantize_bytes(const float* x, uint8_t* y, int64_t n, ByteScale scale, const Parallel& par,
                    const kernels::KernelTable& table);
/// All of an int8 or uint8 tensor from as many floats.
void quantize_bytes(const float* x, const TensorRef& y, ByteScale scale, const Parallel& par,
                    const kernels::KernelTable& table);

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
