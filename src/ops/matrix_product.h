// Matrix product with broadcast batches, shared by MatMul and its fused forms.
#pragma once
#include "kernels/gemm.h"
#include "ops/infer.h"
#include "ops/kernel.h"

namespace tenon::ops::matmul {

/// Which operands are transposed in their last two dims (1-D operands never are). trans_batch: the rows are dim 0, the
/// batch dims follow, [M, batch..., K].
struct Form {
  bool trans_a = false, trans_b = false;
  bool trans_batch_a = false, trans_batch_b = false;
};

/// Dims of A B as numpy.matmul: 1-D operands lose their dim, batch dims broadcast. Throws when the inner dims differ.
Dims result_dims(InferContext& c, const Dims& a, const Dims& b, Form form = {});
/// Sets output 0 from inputs 0 and 1.
void infer_product(InferContext& c, Form form);

/// Y = act(alpha A B + bias): A and B are operands 0 and 1. A constant fp32 B without batch dims is packed once.
/// bias and activation need a float, float16 or bfloat16 result.
class Product {
 public:
  explicit Product(const NodeInfo& info, Form form = {}, float alpha = 1);
  void run(KernelContext& c, const kernels::Epilogue& epilogue = {}) const;
  const kernels::KernelTable& table() const { return table_; }

 private:
  Form form_;
  float alpha_;
  const kernels::KernelTable& table_;
  std::shared_ptr<const void> packed_;
};

}  // namespace tenon::ops::matmul
