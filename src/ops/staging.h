// fp32 staging: float16 and bfloat16 tensors are computed as fp32 in scratch memory.
#pragma once
#include "kernels/epilogue.h"
#include "ops/kernel.h"

namespace tenon::ops {

constexpr bool is_half(DType t) { return t == DType::kFloat16 || t == DType::kBFloat16; }

/// Contents of a float, float16 or bfloat16 tensor as fp32: its own memory, or a copy in scratch.
const float* load_f32(KernelContext& c, const TensorRef& t, const kernels::KernelTable& table);
/// Operand i, or null when it is missing.
const float* load_f32(KernelContext& c, size_t i, const kernels::KernelTable& table);

/// A float, float16 or bfloat16 result as fp32: its own memory, or scratch that store() rounds into it.
class F32Result {
 public:
  F32Result(KernelContext& c, const TensorRef& t, const kernels::KernelTable& table);
  float* data() const { return data_; }
  void store(KernelContext& c) const;

 private:
  TensorRef t_;
  float* data_;
  const kernels::KernelTable& table_;
};

/// Constant float, float16 or bfloat16 tensor as fp32 (the same handle when it is fp32; empty when `v` is).
Value f32_constant(const Value& v, const kernels::KernelTable& table);

}  // namespace tenon::ops
