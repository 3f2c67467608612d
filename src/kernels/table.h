// KernelTable: the kernels of one instruction set as function pointers, and the choice of a table.
#pragma once
#include "base/cpu.h"
#include "kernels/conv_kernels.h"
#include "kernels/gemm_tiles.h"
#include "kernels/int8_kernels.h"
#include "kernels/linear_attention.h"
#include "kernels/nbits_kernels.h"
#include "kernels/pool_kernels.h"
#include "kernels/reduce_kernels.h"
#include "kernels/row_kernels.h"

namespace tenon::kernels {

struct KernelTable {
  Isa isa;
  const GemmTiles* gemm;
  const ConvKernels* conv;
  const UnaryKernels* unary;
  const RowKernels* rows;
  const ReduceKernels* reduce;
  const PoolKernels* pool;
  const Int8Kernels* int8;
  const StateKernels* state;
  const NBitsKernels* nbits;
  /// out(j, i) = in(i, j) for a matrix of rows x columns 4-byte elements.
  void (*transpose_floats)(const float* in, int64_t ld_in, float* out, int64_t ld_out, int64_t rows, int64_t columns);
};

/// The table of active_isa(); what every kernel call uses unless it is given another one.
const KernelTable& kernels();
/// The table of `isa`, or of the best level below it that this build holds (fuzz builds are portable only).
const KernelTable& kernels_for(Isa isa);

}  // namespace tenon::kernels
