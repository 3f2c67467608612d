// GEMM in fp32: C = act(alpha A B + beta C + bias + residual), with B packed once, or as it lies.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/epilogue.h"

namespace tenon::kernels {

/// A [m, k] and B [k, n] have two strides each, so a transposed operand is a swap of strides; C has unit column stride.
/// Sizes may be 0 (k = 0: C = act(beta C + bias + residual)). A and B must not overlap C. beta = 0 never reads C.
struct GemmArgs {
  int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  int64_t a_row = 0, a_col = 1;    ///< A(i, p) = a[i a_row + p a_col]; one of them is 1 or the call is slow
  const float* b = nullptr;        ///< ignored when packed_b is set
  int64_t b_row = 0, b_col = 1;    ///< B(p, j) = b[p b_row + j b_col]
  const void* packed_b = nullptr;  ///< from pack_b with the same k, n and table
  float* c = nullptr;
  int64_t ldc = 0;
  float alpha = 1, beta = 0;
  Epilogue epilogue;
};

/// Same rounding for every number of threads: tiles are fixed, k is never split between threads. Error: products are
/// added in k order in blocks with FMA (portable table: without FMA). Uses stack memory only, up to 300 KB.
void gemm(const GemmArgs& args, const Parallel& par, const KernelTable& table = kernels());

/// Bytes of B [k, n] packed for `table`; 64-byte alignment expected.
size_t packed_b_bytes(int64_t k, int64_t n, const KernelTable& table = kernels());
/// Packs B(p, j) = b[p b_row + j b_col] for GemmArgs::packed_b.
void pack_b(const float* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, void* dst,
            const KernelTable& table = kernels());

/// `batch` products: operand i starts `stride` elements after the one before (0 = shared); epilogue pointers are shared
/// except residual, which moves with c. packed_b is shared by all (b_stride ignored).
struct GemmBatch {
  int64_t count = 1;
  int64_t a_stride = 0, b_stride = 0, c_stride = 0;
};
void gemm_batched(const GemmArgs& args, const GemmBatch& batch, const Parallel& par,
                  const KernelTable& table = kernels());
/// Same with explicit operand offsets in elements, one per product (broadcast batches); null = all 0 (C: i * m * ldc).
struct GemmOffsets {
  int64_t count = 1;
  const int64_t *a = nullptr, *b = nullptr, *c = nullptr;
};
void gemm_batched(const GemmArgs& args, const GemmOffsets& offsets, const Parallel& par,
                  const KernelTable& table = kernels());

}  // namespace tenon::kernels
