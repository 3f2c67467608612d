// Products of 8-bit matrices into int32, batched as numpy.matmul, shared by MatMulInteger and QLinearMatMul.
#pragma once
#include <memory>

#include "kernels/gemm_int8.h"
#include "ops/infer.h"
#include "ops/kernel.h"

namespace tenon::ops {

/// C = (A - a_zero) (B - b_zero). A constant 2-D B is packed once.
class IntegerProduct {
 public:
  /// Operand indices of A, B and their zero points (SIZE_MAX: no such operand).
  struct Operands {
    size_t a, b, a_zero, b_zero;
  };
  IntegerProduct(const NodeInfo& info, Operands operands);
  /// What a run multiplies; `a_zero`, `b_zero` and `result` may be null. `dims` are those of the product.
  struct Call {
    const TensorRef *a, *b, *a_zero, *b_zero;
    std::span<const int64_t> dims;
    int32_t* result;  ///< of all matrices; null: each matrix in turn in scratch memory
  };
  /// fn(C, first row of the result, rows, columns) for each matrix of the batch, in order.
  using Finish = FunctionRef<void(int32_t*, int64_t, int64_t, int64_t)>;
  void run(KernelContext& c, const Call& call, Finish fn) const;
  /// The operands and output 0 of the node.
  void run(KernelContext& c, Finish fn) const;
  const kernels::KernelTable& table() const { return table_; }

 private:
  Operands at_;
  const kernels::KernelTable& table_;
  std::shared_ptr<const void> packed_;
};

/// Output 0 = the product's dims with element type `out`; zero points must be scalars, one per row of A or per column
/// of B, or have A's or B's batch dims too.
void infer_integer_product(InferContext& c, IntegerProduct::Operands operands, DType out);

/// Y rows = acc a_scale b_scale + bias: b_scale one or `columns` values, bias null or `columns` values.
void scale_rows(const Parallel& par, const int32_t* acc, float* y, int64_t rows, int64_t columns, float a_scale,
                std::span<const float> b_scale, const float* bias);

/// Element i of an int8 or uint8 tensor.
inline int32_t byte_at(const TensorRef& t, int64_t i) {
  return t.dtype == DType::kInt8 ? t.as<int8_t>()[i] : t.as<uint8_t>()[i];
}

}  // namespace tenon::ops
