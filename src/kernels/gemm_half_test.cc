// GEMM of f16 and bf16 against doubles: strides, tails, epilogue, thread counts, every ISA.
#include "kernels/gemm_half.h"

#include <fmt/format.h>

#include <cmath>

#include "base/dtype.h"
#include "support/kernel_data.h"
#include "support/reference/reference.h"

namespace tenon::kernels::gemm_half_test {
namespace {

using test::each_table;
using test::expect_same_bits;
using test::Guarded;

Half narrow(float v, Half) { return to_half(v); }
BFloat16 narrow(float v, BFloat16) { return to_bfloat16(v); }

template <class T>
Guarded<T> random_values(int64_t n, uint64_t seed) {
  test::Random random(seed);
  Guarded<T> out(n);
  for (T& v : out) v = narrow(random.uniform(), T{});
  return out;
}

template <class T>
void check(int64_t m, int64_t n, int64_t k, bool at, bool bt, float alpha, float beta, BiasKind kind, Activation f) {
  constexpr bool half = std::is_same_v<T, Half>;
  auto a = random_values<T>(m * k, 1), b = random_values<T>(k * n, 2), c0 = random_values<T>(m * n, 3);
  auto bias = test::random_floats(std::max(m, n), 4);
  each_table([&](const KernelTable& t) {
    SCOPED_TRACE(fmt::format("half {} m={} n={} k={} at={} bt={} beta={}", half, m, n, k, at, bt, beta));
    Guarded<T> c(m * n);
    GemmHalfArgs g;
    g.type = half ? DType::kFloat16 : DType::kBFloat16;
    g.m = m, g.n = n, g.k = k, g.a = a.data(), g.b = b.data(), g.c = c.data(), g.ldc = n;
    g.a_row = at ? 1 : k, g.a_col = at ? m : 1, g.b_row = bt ? 1 : n, g.b_col = bt ? k : 1;
    g.alpha = alpha, g.beta = beta;
    g.epilogue.bias = bias.data(), g.epilogue.bias_kind = kind, g.epilogue.activation = f;
    expect_same_bits<T>(c, [&](const Parallel& par) {
      std::memcpy(c.data(), c0.data(), c.bytes());
      gemm_half(g, par, t);
    });
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double s = 0, mag = 0;
        for (int64_t p = 0; p < k; ++p) {
          const double v =
              static_cast<double>(to_float(a[i * g.a_row + p * g.a_col])) * to_float(b[p * g.b_row + j * g.b_col]);
          s += v, mag += std::fabs(v);
        }
        s = s * alpha + (beta != 0 ? beta * to_float(c0[i * n + j]) : 0);
        if (kind != BiasKind::kNone) s += bias[kind == BiasKind::kPerRow ? i : j];
        s = reference::activate(f, s, 0, 0);
        ASSERT_NEAR(to_float(c[i * n + j]), s, 1e-6 * mag + (half ? 1.0 / 1024 : 1.0 / 128) * std::fabs(s) + 1e-6);
      }
  });
}

template <class T>
void check_all() {
  for (int64_t m : {0, 1, 5, 20})
    for (int64_t n : {1, 15, 64, 100})
      for (int64_t k : {0, 1, 33, 300}) {
        check<T>(m, n, k, false, false, 1, 0, BiasKind::kNone, Activation::kNone);
        check<T>(m, n, k, true, true, 0.5f, 0.5f, BiasKind::kPerColumn, Activation::kRelu);
      }
  check<T>(200, 300, 50, false, true, 1, 0, BiasKind::kPerRow, Activation::kGeluErf);
  check<T>(130, 260, 520, false, false, 1, 0, BiasKind::kNone, Activation::kNone);
}

TEST(GemmHalf, Half) { check_all<Half>(); }
TEST(GemmHalf, BFloat16) { check_all<BFloat16>(); }

}  // namespace
}  // namespace tenon::kernels::gemm_half_test
