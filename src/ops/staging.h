// Staging: tensors of other number types are computed as fp32 (float16, bfloat16) or double, in scratch memory.
#pragma once
#include "kernels/epilogue.h"
#include "ops/kernel.h"
#include "ops/map.h"

namespace tenon::ops {

/// Contents of a numeric or bool tensor as T (float or double): the tensor's own memory, or a copy in scratch.
template <class T>
const T* load_as(KernelContext& c, const TensorRef& t, const kernels::KernelTable& table);
/// Operand i, or null when it is missing.
template <class T>
const T* load_as(KernelContext& c, size_t i, const kernels::KernelTable& table) {
  return c.has_input(i) ? load_as<T>(c, c.input(i), table) : nullptr;
}
inline const float* load_f32(KernelContext& c, const TensorRef& t, const kernels::KernelTable& table) {
  return load_as<float>(c, t, table);
}
inline const float* load_f32(KernelContext& c, size_t i, const kernels::KernelTable& table) {
  return load_as<float>(c, i, table);
}

/// A float, double, float16 or bfloat16 result as T: its own memory, or scratch that store() rounds into it.
template <class T>
class ResultAs {
 public:
  ResultAs(KernelContext& c, const TensorRef& t, const kernels::KernelTable& table);
  T* data() const { return data_; }
  void store(KernelContext& c) const;

 private:
  TensorRef t_;
  T* data_;
  const kernels::KernelTable& table_;
};
using F32Result = ResultAs<float>;

/// Constant float, float16 or bfloat16 tensor as fp32 (the same handle when it is fp32; empty when `v` is).
Value f32_constant(const Value& v, const kernels::KernelTable& table);

}  // namespace tenon::ops
