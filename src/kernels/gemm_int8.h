// GEMM of 8-bit integers into int32 with zero points, exact: VNNI where the machine has it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/epilogue.h"

namespace tenon::kernels {

/// C(i, j) = sum_p (A(i, p) - za(i)) (B(p, j) - zb(j)) modulo 2^32. C has unit column stride.
struct GemmInt8Args {
  int64_t m = 0, n = 0, k = 0;
  const void* a = nullptr;
  bool a_signed = false;
  int64_t a_row = 0, a_col = 1;
  const void* b = nullptr;  ///< ignored when packed_b is set
  bool b_signed = false;
  int64_t b_row = 0, b_col = 1;
  const void* packed_b = nullptr;
  int32_t a_zero = 0;                    ///< zero point of all of A
  const int32_t* a_zero_rows = nullptr;  ///< or one per row
  int32_t b_zero = 0;
  const int32_t* b_zero_columns = nullptr;
  int32_t* c = nullptr;
  int64_t ldc = 0;
};

void gemm_int8(const GemmInt8Args& args, const Parallel& par, const KernelTable& table = kernels());

size_t packed_b_int8_bytes(int64_t k, int64_t n, const KernelTable& table = kernels());
/// 64-byte aligned dst. The sign of B is part of the packing: use the same b_signed in GemmInt8Args.
void pack_b_int8(const void* b, bool b_signed, int64_t b_row, int64_t b_col, int64_t k, int64_t n, void* dst,
                 const KernelTable& table = kernels());

}  // namespace tenon::kernels
