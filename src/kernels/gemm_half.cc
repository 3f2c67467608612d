// GEMM of 16-bit floats: blocks of A, panels of B and blocks of C are widened on the stack, tiles run in fp32.
#include "kernels/gemm_half.h"

#include <algorithm>

#include "base/dtype.h"
#include "kernels/gemm_tasks.h"
#include "kernels/rows.h"
#include "kernels/table.h"

namespace tenon::kernels {
namespace {

constexpr int64_t kMc = 96, kNc = 128;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class T>
class Task {
 public:
  Task(const GemmHalfArgs& g, const KernelTable& t) : g_(g), t_(t), tiles_(*t.gemm) {}

  void run(int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
    const int64_t n = n1 - n0;
    const Epilogue& e = g_.epilogue;
    for (int64_t i = m0; i < m1 && g_.beta != 0; ++i)
      to_float_row(static_cast<const T*>(g_.c) + i * g_.ldc + n0, c_ + (i - m0) * kNc, n, t_);
    for (int64_t k0 = 0; k0 == 0 || k0 < g_.k; k0 += kGemmKc) {
      const int64_t kc = std::min(kGemmKc, g_.k - k0);
      widen(static_cast<const T*>(g_.a) + m0 * g_.a_row + k0 * g_.a_col, g_.a_row, g_.a_col, m1 - m0, kc, a_, kGemmKc);
      for (int64_t j = 0; j < n; j += tiles_.nr) {
        GemmPanel p;
        p.n = std::min<int64_t>(tiles_.nr, n - j);
        p.b_row = ceil_div(p.n, tiles_.width) * tiles_.width;
        pack_b(k0, kc, n0 + j, p.n, p.b_row);
        p.a = a_;
        p.a_row = kGemmKc;
        p.a_tile = tiles_.mr * kGemmKc;
        p.b = b_;
        p.c = c_ + j;
        p.ldc = kNc;
        p.m = m1 - m0;
        p.k = kc;
        p.alpha = g_.alpha;
        p.beta = k0 == 0 ? g_.beta : 1;
        if (k0 + kc >= g_.k) {
          if (e.bias_kind == BiasKind::kPerRow) p.bias_row = e.bias + m0;
          if (e.bias_kind == BiasKind::kPerColumn) p.bias_column = e.bias + n0 + j;
        }
        tiles_.panel(p);
      }
    }
    const ActivationRow row = e.activation == Activation::kNone ? nullptr : activation_row(e.activation, t_);
    for (int64_t i = m0; i < m1; ++i) {
      float* c = c_ + (i - m0) * kNc;
      if (row) row(c, c, n, e.p0, e.p1);
      from_float_row(c, static_cast<T*>(g_.c) + i * g_.ldc + n0, n, t_);
    }
  }

 private:
  // dst(i, j) = s[i row + j col], rows of dst ld apart.
  void widen(const T* s, int64_t row, int64_t col, int64_t rows, int64_t columns, float* dst, int64_t ld) const {
    for (int64_t i = 0; i < rows; ++i) {
      if (col == 1)
        to_float_row(s + i * row, dst + i * ld, columns, t_);
      else
        for (int64_t j = 0; j < columns; ++j) dst[i * ld + j] = to_float(s[i * row + j * col]);
    }
  }
  void pack_b(int64_t k0, int64_t kc, int64_t n0, int64_t n, int64_t width) {
    const T* b = static_cast<const T*>(g_.b) + k0 * g_.b_row + n0 * g_.b_col;
    if (g_.b_row == 1) {  // columns are contiguous: widen them, then transpose
      widen(b, g_.b_col, 1, n, kc, columns_, kGemmKc);
      tiles_.pack_columns(columns_, kGemmKc, kc, n, b_);
      return;
    }
    widen(b, g_.b_row, g_.b_col, kc, n, b_, width);
    for (int64_t p = 0; p < kc; ++p) std::fill(b_ + p * width + n, b_ + (p + 1) * width, 0.f);
  }

  const GemmHalfArgs& g_;
  const KernelTable& t_;
  const GemmTiles& tiles_;
  alignas(64) float a_[kMc * kGemmKc];
  alignas(64) float b_[kGemmKc * kGemmMaxNr];
  alignas(64) float columns_[kGemmKc * kGemmMaxNr];
  alignas(64) float c_[kMc * kNc];
};

template <class T>
void run(const GemmHalfArgs& g, const Parallel& par, const KernelTable& table) {
  if (g.m <= 0 || g.n <= 0) return;
  const int64_t across = ceil_div(g.n, kNc), down = ceil_div(g.m, kMc);
  const double cost = 0.03 * static_cast<double>(std::min(kMc, g.m) + 10) * static_cast<double>(std::min(kNc, g.n)) *
                      static_cast<double>(std::max<int64_t>(g.k, 1));
  par.loop(across * down, cost, [&](int64_t t0, int64_t t1) {
    Task<T> task(g, table);
    for (int64_t t = t0; t < t1; ++t) {
      const int64_t m0 = t / across * kMc, n0 = t % across * kNc;
      task.run(m0, std::min(m0 + kMc, g.m), n0, std::min(n0 + kNc, g.n));
    }
  });
}

}  // namespace

void gemm_half(const GemmHalfArgs& args, const Parallel& par, const KernelTable& table) {
  if (args.type == DType::kFloat16)
    run<Half>(args, par, table);
  else
    run<BFloat16>(args, par, table);
}

}  // namespace tenon::kernels
