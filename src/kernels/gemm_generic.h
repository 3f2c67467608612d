// GEMM for the types without a packed kernel (double, integers): blocked plain loops, fixed order, any strides.
#pragma once
#include <cstdint>

#include "base/thread_pool.h"

namespace tenon::kernels {

/// C(i, j) = alpha sum_p A(i, p) B(p, j) + beta C(i, j); integers wrap around. beta = 0 never reads C.
template <class T>
struct GenericGemm {
  int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  int64_t a_row = 0, a_col = 1;
  const T* b = nullptr;
  int64_t b_row = 0, b_col = 1;
  T* c = nullptr;
  int64_t ldc = 0;
  T alpha = 1, beta = 0;
};

/// T: double, int32_t, uint32_t, int64_t, uint64_t.
template <class T>
void gemm_generic(const GenericGemm<T>& args, const Parallel& par);

extern template void gemm_generic(const GenericGemm<double>&, const Parallel&);
extern template void gemm_generic(const GenericGemm<int32_t>&, const Parallel&);
extern template void gemm_generic(const GenericGemm<uint32_t>&, const Parallel&);
extern template void gemm_generic(const GenericGemm<int64_t>&, const Parallel&);
extern template void gemm_generic(const GenericGemm<uint64_t>&, const Parallel&);

}  // namespace tenon::kernels
