// MatMul and Gemm against triple loops.
#include <gtest/gtest.h>

#include "support/op_runner.h"

namespace tenon::test::matmul_test {
namespace {

using graph::Attrs;
constexpr DType kF = DType::kFloat;

std::vector<double> random_ints(size_t n, uint32_t seed) {
  std::vector<double> v = random_numbers(n, -4, 5, seed);
  for (double& x : v) x = static_cast<double>(static_cast<int>(x));
  return v;
}

/// C[b] = A[a_of(b)] B[b_of(b)] for matrices stored one after the other.
struct Case {
  std::vector<int64_t> a, b, y;
  int64_t m, n, k;
  std::vector<int64_t> a_of, b_of;  // matrix of each batch
};

void expect_product(const Case& t, DType type) {
  const auto count = [](const std::vector<int64_t>& d) { return static_cast<size_t>(element_count(d)); };
  const std::vector<double> a = random_ints(count(t.a), 1);
  std::vector<double> b = random_ints(count(t.b), 2);
  if (type == DType::kUint32 || type == DType::kUint64) {  // integers wrap around: keep them small and positive
    for (double& x : b) x = x < 0 ? -x : x;
  }
  std::vector<double> pa = a;
  if (type == DType::kUint32 || type == DType::kUint64)
    for (double& x : pa) x = x < 0 ? -x : x;
  const Value y = run1("MatMul", 13, {numbers(type, t.a, pa), numbers(type, t.b, b)});
  EXPECT_EQ(dims_of(y), t.y);
  const std::vector<double> got = as_doubles(y);
  for (size_t i = 0; i < t.a_of.size(); ++i)
    for (int64_t r = 0; r < t.m; ++r)
      for (int64_t c = 0; c < t.n; ++c) {
        double want = 0;
        for (int64_t p = 0; p < t.k; ++p)
          want += pa[static_cast<size_t>((t.a_of[i] * t.m + r) * t.k + p)] *
                  b[static_cast<size_t>((t.b_of[i] * t.k + p) * t.n + c)];
        ASSERT_EQ(got[i * static_cast<size_t>(t.m * t.n) + static_cast<size_t>(r * t.n + c)], want)
            << dtype_name(type) << " batch " << i << " at " << r << "," << c;
      }
}

TEST(MatMul, EveryFormAndType) {
  const Case cases[] = {
      {{3, 4}, {4, 5}, {3, 5}, 3, 5, 4, {0}, {0}},
      {{4}, {4, 5}, {5}, 1, 5, 4, {0}, {0}},
      {{3, 4}, {4}, {3}, 3, 1, 4, {0}, {0}},
      {{4}, {4}, {}, 1, 1, 4, {0}, {0}},
      {{2, 3, 4}, {4, 5}, {2, 3, 5}, 3, 5, 4, {0, 1}, {0, 0}},
      {{3, 4}, {2, 4, 5}, {2, 3, 5}, 3, 5, 4, {0, 0}, {0, 1}},
      {{4}, {2, 4, 5}, {2, 5}, 1, 5, 4, {0, 0}, {0, 1}},
      {{2, 3, 4}, {4}, {2, 3}, 3, 1, 4, {0, 1}, {0, 0}},
      {{2, 1, 3, 4}, {1, 3, 4, 5}, {2, 3, 3, 5}, 3, 5, 4, {0, 0, 0, 1, 1, 1}, {0, 1, 2, 0, 1, 2}},
      {{2, 1, 3, 4}, {3, 4, 5}, {2, 3, 3, 5}, 3, 5, 4, {0, 0, 0, 1, 1, 1}, {0, 1, 2, 0, 1, 2}},
      {{1, 2, 3, 4}, {1, 2, 4, 5}, {1, 2, 3, 5}, 3, 5, 4, {0, 1}, {0, 1}},
      {{2, 3, 4}, {1, 4, 5}, {2, 3, 5}, 3, 5, 4, {0, 1}, {0, 0}},
      {{17, 33}, {33, 40}, {17, 40}, 17, 40, 33, {0}, {0}},
  };
  for (const Case& t : cases)
    for (DType type : {kF, DType::kDouble, DType::kFloat16, DType::kBFloat16, DType::kInt32, DType::kUint64}) {
      if (type == DType::kBFloat16 && t.k > 4) continue;  // sums over 256 do not fit its 8 bits
      expect_product(t, type);
    }
}

TEST(MatMul, EmptySums) {
  EXPECT_EQ(items<float>(run1("MatMul", 13, {tensor<float>({2, 0}, {}), tensor<float>({0, 2}, {})})),
            (std::vector<float>{0, 0, 0, 0}));
  EXPECT_EQ(dims_of(run1("MatMul", 1, {tensor<float>({0, 3}, {}), numbers(kF, {3, 2}, random_ints(6, 3))})),
            (std::vector<int64_t>{0, 2}));
}

TEST(MatMul, RejectsShapes) {
  const auto error = [](std::vector<int64_t> a, std::vector<int64_t> b) {
    return error_of([&] {
      run1("MatMul", 13,
           {numbers(kF, a, random_ints(static_cast<size_t>(element_count(a)), 1)),
            numbers(kF, b, random_ints(static_cast<size_t>(element_count(b)), 1))});
    });
  };
  EXPECT_NE(error({2, 3}, {4, 5}).find("inner dims differ"), std::string::npos) << error({2, 3}, {4, 5});
  EXPECT_NE(error({}, {3}).find("rank 0"), std::string::npos);
  EXPECT_NE(error({2, 2, 3}, {3, 3, 4}), "");
}

TEST(Gemm, EveryFormOfC) {
  const int64_t m = 3, n = 5, k = 4;
  const std::vector<double> a = random_ints(12, 1), b = random_ints(20, 2);
  for (const std::vector<int64_t>& c_dims :
       std::vector<std::vector<int64_t>>{{}, {1}, {5}, {1, 5}, {3, 1}, {3, 5}, {1, 1}}) {
    const std::vector<double> cv = random_ints(static_cast<size_t>(element_count(c_dims)), 3);
    const auto c_at = [&](int64_t i, int64_t j) {
      const int64_t cols = c_dims.empty() ? 1 : c_dims.back(), rows = c_dims.size() == 2 ? c_dims[0] : 1;
      return cv[static_cast<size_t>((rows == 1 ? 0 : i) * cols + (cols == 1 ? 0 : j))];
    };
    for (DType type : {kF, DType::kDouble, DType::kFloat16, DType::kInt64})
      for (int form = 0; form < 8; ++form) {
        const bool ta = form & 1, tb = form & 2, scaled = form & 4;
        Attrs attrs;
        if (ta) attrs.set("transA", int64_t{1});
        if (tb) attrs.set("transB", int64_t{1});
        if (scaled) attrs.set("alpha", 2.f), attrs.set("beta", 3.f);
        const std::vector<int64_t> ad = ta ? std::vector<int64_t>{k, m} : std::vector<int64_t>{m, k};
        const std::vector<int64_t> bd = tb ? std::vector<int64_t>{n, k} : std::vector<int64_t>{k, n};
        const Value y =
            run1("Gemm", 13, {numbers(type, ad, a), numbers(type, bd, b), numbers(type, c_dims, cv)}, attrs);
        const std::vector<double> got = as_doubles(y);
        ASSERT_EQ(dims_of(y), (std::vector<int64_t>{m, n}));
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j) {
            double sum = 0;
            for (int64_t p = 0; p < k; ++p)
              sum += a[static_cast<size_t>(ta ? p * m + i : i * k + p)] *
                     b[static_cast<size_t>(tb ? j * k + p : p * n + j)];
            const double want = (scaled ? 2 : 1) * sum + (scaled ? 3 : 1) * c_at(i, j);
            ASSERT_EQ(got[static_cast<size_t>(i * n + j)], want)
                << dtype_name(type) << " form " << form << " C " << to_string(c_dims);
          }
      }
  }
}

TEST(Gemm, WithoutC) {
  const Value a = tensor<float>({1, 2}, {1, 2}), b = tensor<float>({2, 1}, {3, 4});
  EXPECT_EQ(items<float>(run1("Gemm", 11, {a, b})), std::vector<float>{11});
  // beta = 0: what C holds does not matter.
  const Value nan = tensor<float>({1, 1}, {std::numeric_limits<float>::quiet_NaN()});
  EXPECT_EQ(items<float>(run1("Gemm", 7, {a, b, nan}, Attrs{{"beta", 0.f}})), std::vector<float>{11});
  EXPECT_EQ(items<float>(run1("Gemm", 6, {a, b, nan}, Attrs{{"beta", 0.f}, {"broadcast", int64_t{1}}})),
            std::vector<float>{11});
}

TEST(Gemm, RejectsShapes) {
  const Value a = tensor<float>({1, 2}, {1, 2}), b = tensor<float>({3, 1}, {3, 4, 5});
  EXPECT_NE(error_of([&] { run1("Gemm", 13, {a, b}); }), "");
  EXPECT_NE(error_of([&] { run1("Gemm", 13, {a, tensor<float>({2}, {1, 2})}); }), "");
  const Value c = tensor<float>({2}, {1, 2});
  const std::string e = error_of([&] { run1("Gemm", 13, {a, tensor<float>({2, 1}, {1, 2}), c}); });
  EXPECT_NE(e.find("does not broadcast"), std::string::npos) << e;
}

}  // namespace
}  // namespace tenon::test::matmul_test
