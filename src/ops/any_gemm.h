// One matrix product of tensors whose element type is a template parameter.
#pragma once
#include <type_traits>

#include "kernels/gemm.h"
#include "kernels/gemm_generic.h"
#include "kernels/table.h"

namespace tenon::ops {

/// C = alpha A B by the packed kernels for float (`packed_b`: B as pack_b leaves it, or null), by plain loops for the
/// types of gemm_generic. beta is not looked at.
template <class T>
void any_gemm(const kernels::GenericGemm<T>& g, const Parallel& par, const kernels::KernelTable& table,
              [[maybe_unused]] const void* packed_b = nullptr) {
  if constexpr (std::is_same_v<T, float>) {
    kernels::GemmArgs f;
    f.m = g.m, f.n = g.n, f.k = g.k;
    f.a = g.a, f.a_row = g.a_row, f.a_col = g.a_col, f.b = g.b, f.b_row = g.b_row, f.b_col = g.b_col;
    f.packed_b = packed_b, f.c = g.c, f.ldc = g.ldc, f.alpha = g.alpha;
    kernels::gemm(f, par, table);
  } else {
    kernels::gemm_generic(g, par);
  }
}

}  // namespace tenon::ops
