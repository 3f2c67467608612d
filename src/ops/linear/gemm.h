// Gemm kernel, shared by Gemm and com.microsoft FusedGemm.
#pragma once
#include "kernels/gemm.h"
#include "ops/infer.h"
#include "ops/kernel.h"

namespace tenon::ops::gemm {

void infer(InferContext& c);

/// Y = act(alpha A' B' + beta C): A, B 2-D, C broadcast to [m, n]. A constant fp32 B is packed once. An activation
/// needs a float, float16 or bfloat16 result.
class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info);
  Kernel(const NodeInfo& info, const kernels::Epilogue& activation);
  void run(KernelContext& c) const override;

 private:
  struct Sizes;
  void run_f32(KernelContext& c, const Sizes& s) const;
  bool trans_a_, trans_b_;
  float alpha_, beta_;
  kernels::Epilogue activation_;
  const kernels::KernelTable& table_;
  std::shared_ptr<const void> packed_;
};

}  // namespace tenon::ops::gemm
