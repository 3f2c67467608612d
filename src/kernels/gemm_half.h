// GEMM of f16 and bf16 tensors through fp32 tiles: operands are widened while panels are packed.
#pragma once
#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/epilogue.h"
#include "tenon/dtype.h"

namespace tenon::kernels {

/// C = act(alpha A B + beta C + bias), accumulated in fp32, rounded once. type: kFloat16 or kBFloat16, of A, B and C.
/// The epilogue's bias is fp32; residual is not supported (must be null).
struct GemmHalfArgs {
  DType type = DType::kFloat16;
  int64_t m = 0, n = 0, k = 0;
  const void* a = nullptr;
  int64_t a_row = 0, a_col = 1;
  const void* b = nullptr;
  int64_t b_row = 0, b_col = 1;
  void* c = nullptr;
  int64_t ldc = 0;
  float alpha = 1, beta = 0;
  Epilogue epilogue;
};
void gemm_half(const GemmHalfArgs& args, const Parallel& par, const KernelTable& table = kernels());

}  // namespace tenon::kernels
