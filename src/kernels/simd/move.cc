// Transposition of 4-byte elements and the sliding windows of pooling.
#include "kernels/pool_kernels.h"
#include "kernels/simd/transpose_block.h"
#include "kernels/simd/vec.h"

namespace tenon::kernels::TENON_ISA {
namespace {

template <bool kMax>
void windows(const float* row, const int64_t* offset, int64_t taps, int64_t n, float* out) {
  for (int64_t i = 0; i < n; i += W) {
    const int64_t c = n - i;
    F v = load_upto(row + offset[0] + i, c);
    for (int64_t t = 1; t < taps; ++t) {
      const F x = load_upto(row + offset[t] + i, c);
      if (kMax)
        v = select(is_nan(v), v, max(v, x));
      else
        v = v + x;
    }
    store_upto(out + i, v, c);
  }
}

}  // namespace

void transpose_matrix(const float* in, int64_t ld_in, float* out, int64_t ld_out, int64_t rows, int64_t columns);
void transpose_matrix(const float* in, int64_t ld_in, float* out, int64_t ld_out, int64_t rows, int64_t columns) {
  transpose_floats(in, ld_in, out, ld_out, rows, columns);
}

extern const PoolKernels kPool;
const PoolKernels kPool = {windows<true>, windows<false>};

}  // namespace tenon::kernels::TENON_ISA
