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

/// A kernel that computes in double where input 0 is double and else in float: D has run_as<T>(KernelContext&) const.
template <class D>
class FloatKernel : public Kernel {
 public:
  explicit FloatKernel(const NodeInfo& info) : table_(kernels::kernels_for(info.isa)) {}
  void run(KernelContext& c) const final {
    const auto& self = static_cast<const D&>(*this);
    if (c.input(0).dtype == DType::kDouble)
      self.template run_as<double>(c);
    else
      self.template run_as<float>(c);
  }

 protected:
  const kernels::KernelTable& table_;
};
/// The same for output 0 = f(input 0), of equal shape: D has compute(KernelContext&, const T* x, T* y) const, which is
/// not called for empty tensors.
template <class D>
class FloatMap : public FloatKernel<FloatMap<D>> {
 public:
  using FloatKernel<FloatMap<D>>::FloatKernel;
  template <class T>
  void run_as(KernelContext& c) const {
    if (c.input(0).count == 0) return;
    const ResultAs<T> out(c, c.output(0), this->table_);
    static_cast<const D&>(*this).compute(c, load_as<T>(c, 0, this->table_), out.data());
    out.store(c);
  }
};

/// Constant float, float16 or bfloat16 tensor as fp32 (the same handle when it is fp32; empty when `v` is).
Value f32_constant(const Value& v, const kernels::KernelTable& table);

}  // namespace tenon::ops
