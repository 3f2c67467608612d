// fp32 GEMM against plain loops: every ISA, every path, tails, strides, epilogues, batches, thread counts.
#include "kernels/gemm.h"

#include <cmath>
#include <limits>

#include "kernels/gemm_generic.h"
#include "support/kernel_data.h"
#include "support/reference/reference.h"

namespace tenon::kernels::gemm_test {
namespace {

using test::each_table;
using test::expect_same_bits;
using test::Guarded;
using test::random_floats;

struct Case {
  int64_t m, n, k;
  enum B { kPacked, kPackedColumns, kPackedStrided, kRows, kColumns, kStrided } b = kPacked;
  bool a_transposed = false;
  float alpha = 1, beta = 0;
  BiasKind bias = BiasKind::kNone;
  bool residual = false;
  Activation activation = Activation::kNone;
};

std::string name(const Case& c) {
  return fmt::format("m={} n={} k={} b={} at={} alpha={} beta={} bias={} residual={} act={}", c.m, c.n, c.k,
                     static_cast<int>(c.b), c.a_transposed, c.alpha, c.beta, static_cast<int>(c.bias), c.residual,
                     static_cast<int>(c.activation));
}

void check(const Case& c, const KernelTable& table) {
  SCOPED_TRACE(name(c));
  const bool is_packed = c.b <= Case::kPackedStrided, columns = c.b == Case::kColumns || c.b == Case::kPackedColumns;
  const int64_t pad_c = 3, step = c.b == Case::kStrided || c.b == Case::kPackedStrided ? 2 : 1;
  auto a = random_floats(c.m * c.k, 1), b = random_floats(c.k * c.n * step, 2);
  auto bias = random_floats(std::max(c.m, c.n), 3), residual = random_floats(c.m * c.n, 4);
  const int64_t ldc = c.n + pad_c;
  auto initial = random_floats(c.m > 0 ? (c.m - 1) * ldc + c.n : 0, 5);
  Guarded<float> out(initial.size());
  GemmArgs g;
  g.m = c.m, g.n = c.n, g.k = c.k;
  g.a = a.data(), g.a_row = c.a_transposed ? 1 : c.k, g.a_col = c.a_transposed ? c.m : 1;
  g.b = b.data();
  g.b_row = columns ? 1 : c.n * step, g.b_col = columns ? c.k : step;
  g.c = initial.data(), g.ldc = ldc;
  g.alpha = c.alpha, g.beta = c.beta;
  g.epilogue.bias = bias.data(), g.epilogue.bias_kind = c.bias;
  if (c.residual) g.epilogue.residual = residual.data(), g.epilogue.residual_ld = c.n;
  g.epilogue.activation = c.activation, g.epilogue.p0 = -0.5f, g.epilogue.p1 = 0.75f;
  const auto want = reference::gemm(g);

  const test::AlignedScratch packed(packed_b_bytes(c.k, c.n, table));
  if (is_packed) {
    pack_b(g.b, g.b_row, g.b_col, c.k, c.n, packed.data(), table);
    g.packed_b = packed.data();
    g.b = nullptr;
  }
  g.c = out.data();
  expect_same_bits<float>(out, [&](const Parallel& par) {
    std::memcpy(out.data(), initial.data(), out.bytes());
    gemm(g, par, table);
  });
  size_t i = 0;
  for (int64_t r = 0; r < c.m; ++r)
    for (int64_t j = 0; j < ldc && r * ldc + j < out.size(); ++j) {
      if (j >= c.n) {
        ASSERT_EQ(out[r * ldc + j], initial[r * ldc + j]) << "wrote beyond row " << r;
        continue;
      }
      const double bound = 1e-6 * want.magnitude[i] + 1e-6;
      ASSERT_NEAR(out[r * ldc + j], want.value[i], bound) << "row " << r << " column " << j;
      ++i;
    }
}

TEST(Gemm, ShapesAndPaths) {
  each_table([](const KernelTable& t) {
    for (int64_t m : {1, 2, 5, 6, 7, 13, 50})
      for (int64_t n : {1, 4, 15, 16, 17, 63, 64, 65, 130})
        for (int64_t k : {0, 1, 3, 64, 257})
          for (Case::B b : {Case::kPacked, Case::kPackedColumns, Case::kRows, Case::kColumns}) {
            check({m, n, k, b}, t);
            if (testing::Test::HasFatalFailure()) return;
          }
  });
}

TEST(Gemm, LargerThanEveryBlock) {
  each_table([](const KernelTable& t) {
    for (Case::B b :
         {Case::kPacked, Case::kPackedColumns, Case::kPackedStrided, Case::kRows, Case::kColumns, Case::kStrided}) {
      check({401, 530, 270, b}, t);
      check({200, 70, 300, b, true}, t);
      check({1, 2500, 260, b, true}, t);
      check({3, 1100, 513, b}, t);
    }
  });
}

TEST(Gemm, EmptyIsFine) {
  each_table([](const KernelTable& t) {
    for (Case::B b : {Case::kPacked, Case::kRows, Case::kColumns}) {
      check({0, 5, 3, b}, t);
      check({5, 0, 3, b}, t);
      check({4, 5, 0, b, false, 1, 0.5f, BiasKind::kPerColumn}, t);
    }
  });
}

TEST(Gemm, ScalesBiasesResidualsActivations) {
  each_table([](const KernelTable& t) {
    for (Case::B b : {Case::kPacked, Case::kRows, Case::kColumns, Case::kStrided})
      for (int64_t m : {1, 3, 9, 100})
        for (int64_t k : {20, 256, 300}) {
          check({m, 70, k, b, false, 2, 3}, t);
          check({m, 70, k, b, m > 3, 2, 0.5f, BiasKind::kPerRow, true, Activation::kClip}, t);
          check({m, 70, k, b, true, 0.5f, 0}, t);
          check({m, 70, k, b, false, 0.5f, -2}, t);
          check({m, 70, k, b, false, 1, 1, BiasKind::kPerColumn}, t);
          check({m, 70, k, b, false, 1, 0, BiasKind::kPerRow, true, Activation::kRelu}, t);
          check({m, 37, k, b, false, 1, 0, BiasKind::kPerColumn, true, Activation::kClip}, t);
          check({m, 37, k, b, false, 1, 0.5f, BiasKind::kPerColumn, true, Activation::kGeluErf}, t);
          check({m, 37, k, b, false, 1, 0, BiasKind::kNone, false, Activation::kSilu}, t);
        }
  });
}

TEST(Gemm, NanAndInfinityReachTheirRowsOnly) {
  each_table([](const KernelTable& t) {
    for (int64_t m : {1, 20}) {
      const int64_t n = 33, k = 40;
      Guarded<float> a(m * k, 1.f), b(k * n, 1.f), c(m * n);
      a[(m - 1) * k + 7] = std::numeric_limits<float>::quiet_NaN();
      b[5 * n + 32] = std::numeric_limits<float>::infinity();
      GemmArgs g;
      g.m = m, g.n = n, g.k = k, g.a = a.data(), g.a_row = k, g.b = b.data(), g.b_row = n, g.c = c.data(), g.ldc = n;
      g.epilogue.activation = Activation::kRelu;
      gemm(g, {}, t);
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          const float v = c[i * n + j];
          if (i == m - 1)
            EXPECT_TRUE(std::isnan(v)) << i << ' ' << j;
          else if (j == 32)
            EXPECT_TRUE(std::isinf(v)) << i << ' ' << j;
          else
            EXPECT_EQ(v, static_cast<float>(k));
        }
    }
  });
}

TEST(Gemm, BetaZeroDoesNotReadC) {
  each_table([](const KernelTable& t) {
    for (int64_t m : {1, 7}) {
      Guarded<float> a(m * 300, 1.f), b(300 * 5, 1.f), c(m * 5, std::numeric_limits<float>::quiet_NaN());
      GemmArgs g;
      g.m = m, g.n = 5, g.k = 300, g.a = a.data(), g.a_row = 300, g.b = b.data(), g.b_row = 5, g.c = c.data(),
      g.ldc = 5;
      gemm(g, {}, t);
      for (float v : c) EXPECT_EQ(v, 300.f);
    }
  });
}

TEST(Gemm, ResidualMayBeTheResult) {
  each_table([](const KernelTable& t) {
    Guarded<float> a(4 * 300, 1.f), b(300 * 20, 1.f), c(80, 2.f);
    GemmArgs g;
    g.m = 4, g.n = 20, g.k = 20, g.a = a.data(), g.a_row = 300, g.b = b.data(), g.b_row = 20, g.c = c.data(),
    g.ldc = 20;
    g.epilogue.residual = c.data(), g.epilogue.residual_ld = 20;
    gemm(g, {}, t);
    for (float v : c) EXPECT_EQ(v, 22.f);
  });
}

void check_batch(const GemmArgs& args, const GemmBatch& batch, int64_t c_size, const KernelTable& table) {
  Guarded<float> out(c_size);
  GemmArgs g = args;
  g.c = out.data();
  expect_same_bits<float>(out, [&](const Parallel& par) { gemm_batched(g, batch, par, table); });
  std::vector<int64_t> ao, bo, co;
  std::vector<bool> written(static_cast<size_t>(c_size));
  for (int64_t i = 0; i < batch.count; ++i) {
    GemmArgs one = g;
    one.a += i * batch.a_stride, one.b += i * batch.b_stride, one.c += i * batch.c_stride;
    if (one.epilogue.residual) one.epilogue.residual += i * batch.c_stride;
    const auto want = reference::gemm(one);
    for (int64_t e = 0; e < g.m * g.n; ++e)
      written[static_cast<size_t>(one.c - out.data() + e / g.n * g.ldc + e % g.n)] = true;
    for (int64_t e = 0; e < g.m * g.n; ++e)
      ASSERT_NEAR(one.c[e / g.n * g.ldc + e % g.n], want.value[static_cast<size_t>(e)],
                  1e-6 * want.magnitude[static_cast<size_t>(e)] + 1e-6)
          << "product " << i << " element " << e;
    ao.push_back(i * batch.a_stride), bo.push_back(i * batch.b_stride), co.push_back(i * batch.c_stride);
  }
  Guarded<float> by_offsets(c_size);
  g.c = by_offsets.data();
  gemm_batched(g, GemmOffsets{batch.count, ao.data(), bo.data(), co.data()}, {}, table);
  for (int64_t i = 0; i < c_size; ++i) {
    if (written[static_cast<size_t>(i)])
      ASSERT_NEAR(by_offsets[i], out[i], 1e-4);
    else
      ASSERT_TRUE(std::isnan(by_offsets[i]) && std::isnan(out[i])) << "wrote between results, at " << i;
  }
}

TEST(Gemm, Batches) {
  each_table([](const KernelTable& t) {
    for (int64_t m : {1, 9, 128}) {
      const int64_t n = 48, k = 64, count = 5;
      auto a = random_floats(count * m * k, 1), b = random_floats(count * k * n, 2),
           r = random_floats(count * m * n, 3);
      GemmArgs g;
      g.m = m, g.n = n, g.k = k, g.a = a.data(), g.a_row = k, g.b = b.data(), g.b_row = n, g.ldc = n;
      check_batch(g, {count, m * k, k * n, m * n}, count * m * n, t);
      check_batch(g, {count, m * k, 0, m * n}, count * m * n, t);
      g.epilogue.residual = r.data(), g.epilogue.residual_ld = n;
      check_batch(g, {count, 0, k * n, m * n}, count * m * n, t);
      g.b_row = 1, g.b_col = k;
      check_batch(g, {count, m * k, k * n, m * n}, count * m * n, t);
      g.b_row = n, g.b_col = 1;
      check_batch(g, {count, 0, 0, m * n}, count * m * n, t);  // the same rows again
      g.epilogue.residual = nullptr;
      check_batch(g, {count, m * k, 0, m * n + 7}, count * (m * n + 7), t);  // results lie apart
      check_batch(g, {count, m * k - k, 0, m * n}, count * m * n, t);        // operands overlap
      auto bias = random_floats(m, 4);
      g.epilogue.bias = bias.data(), g.epilogue.bias_kind = BiasKind::kPerRow;
      check_batch(g, {count, m * k, 0, m * n}, count * m * n, t);
    }
  });
}

TEST(Gemm, PackingRoundsUpToVectorsOfZeros) {
  each_table([](const KernelTable& table) {
    const GemmTiles& t = *table.gemm;
    for (int64_t n = 1; n <= t.nr; ++n)
      for (int64_t k : {1, 2, 19}) {
        const int64_t width = (n + t.width - 1) / t.width * t.width;
        const auto rows = random_floats(k * n, 1), columns = random_floats(n * k, 2);
        Guarded<float> from_rows(k * width), from_columns(k * width);
        t.pack_rows(rows.data(), n, k, n, from_rows.data());
        t.pack_columns(columns.data(), k, k, n, from_columns.data());
        for (int64_t p = 0; p < k; ++p)
          for (int64_t j = 0; j < width; ++j) {
            ASSERT_EQ(from_rows[p * width + j], j < n ? rows[p * n + j] : 0) << n << ' ' << p << ' ' << j;
            ASSERT_EQ(from_columns[p * width + j], j < n ? columns[j * k + p] : 0) << n << ' ' << p << ' ' << j;
          }
      }
  });
}

// The kernels of few rows write to scratch with room behind it, where the driver could not see them run over.
TEST(Gemm, RowKernelsStayWithinTheirResults) {
  each_table([](const KernelTable& table) {
    const GemmTiles& t = *table.gemm;
    const auto product = [](std::span<const float> a, std::span<const float> b, int64_t n, int64_t i, int64_t j) {
      const int64_t k = static_cast<int64_t>(b.size()) / n;
      double sum = 0;
      for (int64_t p = 0; p < k; ++p)
        sum += double{a[static_cast<size_t>(i * k + p)]} * b[static_cast<size_t>(p * n + j)];
      return sum;
    };
    for (int64_t k : {1, 3, 4, 6, 17}) {
      const int64_t m = 4, most = t.streams * t.nr;
      const auto a = random_floats(m * k, 1);
      for (int64_t n = 1; n <= 3 * t.width + 1; ++n) {
        const auto b = random_floats(k * n, 2);
        Guarded<float> columns(n * k), row(n), rows(m * n);
        for (int64_t i = 0; i < n * k; ++i) columns[i % n * k + i / n] = b[i];
        t.gemv_rows(a.data(), 1, b.data(), n, k, n, row.data());
        t.dot(a.data(), k, columns.data(), k, m, k, n, rows.data(), n);
        for (int64_t i = 0; i < m * n; ++i) {
          ASSERT_NEAR(rows[i], product(a, b, n, i / n, i % n), 1e-5) << n << ' ' << i;
          ASSERT_NEAR(row[i % n], product(a, b, n, 0, i % n), 1e-5) << n << ' ' << i;
        }
      }
      const auto b = random_floats(k * most, 3);
      const test::AlignedScratch packed(packed_b_bytes(k, most, table));
      pack_b(b.data(), most, 1, k, most, packed.data(), table);
      Guarded<float> out(most);
      t.gemv_packed(a.data(), 1, static_cast<const float*>(packed.data()), t.nr * k, k, out.data());
      for (int64_t j = 0; j < most; ++j) ASSERT_NEAR(out[j], product(a, b, most, 0, j), 1e-5) << j;
    }
  });
}

template <class T>
void check_generic(int64_t m, int64_t n, int64_t k, bool transposed, T alpha, T beta) {
  const int64_t ldc = n + 2;
  test::Random random;
  Guarded<T> a(m * k), b(k * n), c(m > 0 ? (m - 1) * ldc + n : 0);
  for (T& v : a) v = static_cast<T>(random.below(200) - 100);
  for (T& v : b) v = static_cast<T>(random.below(200) - 100);
  for (int64_t i = 0; i < c.size(); ++i)
    if (beta != 0 || i % ldc >= n) c[i] = T(3);  // beta = 0 does not read c
  GenericGemm<T> g;
  g.m = m, g.n = n, g.k = k, g.a = a.data(), g.b = b.data(), g.c = c.data(), g.ldc = ldc;
  g.a_row = transposed ? 1 : k, g.a_col = transposed ? m : 1;
  g.b_row = transposed ? 1 : n, g.b_col = transposed ? k : 1;
  g.alpha = alpha, g.beta = beta;
  gemm_generic(g, test::parallels()[1]);
  for (int64_t i = 0; i < c.size(); ++i) {
    const int64_t row = i / ldc, column = i % ldc;
    T s = 0;
    for (int64_t p = 0; p < k && column < n; ++p)
      s += a[row * g.a_row + p * g.a_col] * b[p * g.b_row + column * g.b_col];
    ASSERT_EQ(c[i], column < n ? alpha * s + beta * T(3) : T(3)) << row << ' ' << column;
  }
}

template <class T>
void check_generic() {
  for (int64_t m : {0, 1, 5, 70})
    for (int64_t n : {1, 3, 40, 64, 130})
      for (int64_t k : {0, 1, 7, 128, 300})
        for (bool transposed : {false, true}) {
          check_generic<T>(m, n, k, transposed, T(2), T(5));
          check_generic<T>(m, n, k, transposed, T(1), T(0));
        }
}

TEST(GemmGeneric, ExactOnWholeNumbers) {
  check_generic<double>();
  check_generic<int32_t>();
  check_generic<uint32_t>();
  check_generic<int64_t>();
  check_generic<uint64_t>();
}

}  // namespace
}  // namespace tenon::kernels::gemm_test
