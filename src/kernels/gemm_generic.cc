// GEMM of doubles and wide integers: rows of C are built up from rows of B, in blocks that stay in the cache.
#include "kernels/gemm_generic.h"

#include <algorithm>
#include <type_traits>

namespace tenon::kernels {
namespace {

constexpr int64_t kColumns = 64, kDepth = 128;

template <class T>
struct Wrapping {  // signed integers are multiplied as unsigned ones: overflow wraps
  using type = T;
};
template <>
struct Wrapping<int32_t> {
  using type = uint32_t;
};
template <>
struct Wrapping<int64_t> {
  using type = uint64_t;
};

// C rows [i0, i1) and columns [j0, j1), with B's block copied so that its rows are contiguous.
template <class T>
void block(const GenericGemm<T>& g, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  using U = typename Wrapping<T>::type;
  alignas(64) U b[kDepth * kColumns] = {};  // columns beyond n stay 0
  const int64_t n = j1 - j0;
  for (int64_t i = i0; i < i1; ++i)
    for (int64_t j = j0; j < j1; ++j) {
      T& c = g.c[i * g.ldc + j];
      c = g.beta != T(0) ? static_cast<T>(static_cast<U>(g.beta) * static_cast<U>(c)) : T(0);
    }
  for (int64_t p0 = 0; p0 < g.k; p0 += kDepth) {
    const int64_t depth = std::min(kDepth, g.k - p0);
    for (int64_t p = 0; p < depth; ++p)
      for (int64_t j = 0; j < n; ++j)
        b[p * kColumns + j] = static_cast<U>(g.b[(p0 + p) * g.b_row + (j0 + j) * g.b_col]);
    for (int64_t i = i0; i < i1; ++i) {
      U sum[kColumns] = {};
      for (int64_t p = 0; p < depth; ++p) {
        const U a = static_cast<U>(g.a[i * g.a_row + (p0 + p) * g.a_col]);
        for (int64_t j = 0; j < kColumns; ++j) sum[j] += a * b[p * kColumns + j];
      }
      T* c = g.c + i * g.ldc + j0;
      for (int64_t j = 0; j < n; ++j) c[j] = static_cast<T>(static_cast<U>(c[j]) + static_cast<U>(g.alpha) * sum[j]);
    }
  }
}

}  // namespace

template <class T>
void gemm_generic(const GenericGemm<T>& g, const Parallel& par) {
  const int64_t rows = std::clamp<int64_t>(65536 / std::max<int64_t>(g.k, 1), 8, 64);  // tuning
  const int64_t across = (g.n + kColumns - 1) / kColumns, down = (g.m + rows - 1) / rows;
  par.loop(across * down, static_cast<double>(std::min(rows, g.m) * kColumns * std::max<int64_t>(g.k, 1)) * 0.2,
           [&](int64_t t0, int64_t t1) {
             for (int64_t t = t0; t < t1; ++t) {
               const int64_t i = t / across * rows, j = t % across * kColumns;
               block(g, i, std::min(i + rows, g.m), j, std::min(j + kColumns, g.n));
             }
           });
}
template void gemm_generic(const GenericGemm<double>&, const Parallel&);
template void gemm_generic(const GenericGemm<int32_t>&, const Parallel&);
template void gemm_generic(const GenericGemm<uint32_t>&, const Parallel&);
template void gemm_generic(const GenericGemm<int64_t>&, const Parallel&);
template void gemm_generic(const GenericGemm<uint64_t>&, const Parallel&);

}  // namespace tenon::kernels
