// The kernel table of the instruction set that this file is compiled for.
#include "kernels/table.h"

namespace tenon::kernels::TENON_ISA {

extern const GemmTiles kGemm;
extern const ConvKernels kConv;
extern const UnaryKernels kUnary;
extern const RowKernels kRows;
extern const ReduceKernels kReduce;
extern const PoolKernels kPool;
extern const Int8Kernels kInt8;
extern const StateKernels kState;
extern const NBitsKernels kNBits;
void transpose_matrix(const float* in, int64_t ld_in, float* out, int64_t ld_out, int64_t rows, int64_t columns);

extern const KernelTable kTable;
const KernelTable kTable = {
#if defined(__AVX512VNNI__)
    .isa = Isa::kAvx512Vnni,
#elif defined(__AVX512F__)
    .isa = Isa::kAvx512,
#elif defined(__AVX2__)
    .isa = Isa::kAvx2,
#else
    .isa = Isa::kPortable,
#endif
    .gemm = &kGemm,
    .conv = &kConv,
    .unary = &kUnary,
    .rows = &kRows,
    .reduce = &kReduce,
    .pool = &kPool,
    .int8 = &kInt8,
    .state = &kState,
    .nbits = &kNBits,
    .transpose_floats = transpose_matrix,
};

}  // namespace tenon::kernels::TENON_ISA
