// GEMM in fp32 with weights of 2, 4 or 8 bits that share a scale in blocks along k, decoded in registers.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/epilogue.h"

namespace tenon::kernels {

/// B(p, j) = (codebook[code(j, p)] - zero(j, p / block)) scale(j, p / block).
struct NBitsShape {
  int64_t n = 0, k = 0, block = 0;
  int bits = 4;  ///< 2, 4 or 8
  bool has_zeros = false;

  int64_t blocks() const { return (k + block - 1) / block; }
  int64_t block_bytes() const { return (block * bits + 7) / 8; }
};
/// The weights as com.microsoft.MatMulNBits has them: codes [n, blocks, block_bytes], the first one in the low bits.
struct NBitsSource {
  const uint8_t* codes = nullptr;
  const float* scales = nullptr;  ///< [n, blocks]
  const float* zeros = nullptr;   ///< [n, blocks], relative to the middle code 2^(bits - 1); where has_zeros
};

size_t packed_nbits_bytes(const NBitsShape& shape);
/// 64-byte aligned dst; the same for every instruction set.
void pack_nbits(const NBitsShape& shape, const NBitsSource& source, void* dst);

struct NBitsGemmArgs {
  NBitsShape shape;
  const void* packed = nullptr;
  const float* codebook = nullptr;  ///< 16 values; null: code - 2^(bits - 1). 8 bits always take null
  int64_t m = 0;
  const float* a = nullptr;  ///< [m, k]
  const float* bias = nullptr;
  float* c = nullptr;  ///< [m, n]
};
/// Floats of scratch memory that gemm_nbits needs for m rows.
int64_t nbits_scratch(const NBitsShape& shape, int64_t m);
/// Few rows read B once as it is packed; many rows unpack some columns at a time and run the fp32 GEMM on them.
void gemm_nbits(const NBitsGemmArgs& args, float* scratch, const Parallel& par, const KernelTable& table = kernels());

}  // namespace tenon::kernels
