// Det against expansion by the first row.
#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::ops::det_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;

double by_expansion(const Doubles& a, size_t n) {
  if (n == 0) return 1;
  double sum = 0;
  for (size_t k = 0; k < n; ++k) {
    Doubles minor;
    for (size_t i = 1; i < n; ++i)
      for (size_t j = 0; j < n; ++j)
        if (j != k) minor.push_back(a[i * n + j]);
    sum += (k % 2 ? -1 : 1) * a[k] * by_expansion(minor, n - 1);
  }
  return sum;
}

TEST(Det, EverySizeAndType) {
  for (int version : {11, 22})
    for (DType t : {DType::kDouble, DType::kFloat, DType::kFloat16, DType::kBFloat16}) {
      if (version == 11 && t == DType::kBFloat16) continue;
      for (int64_t n = 0; n <= 6; ++n) {
        const Value x = numbers(t, {3, n, n}, random_numbers(static_cast<size_t>(3 * n * n), -2, 2));
        const Value y = run1("Det", version, {x});
        ASSERT_EQ(dims_of(y), std::vector<int64_t>{3});
        const Doubles in = as_doubles(x);
        const double bound = t == DType::kDouble    ? 1e-12
                             : t == DType::kFloat   ? 1e-6
                             : t == DType::kFloat16 ? 1e-3
                                                    : 8e-3;
        for (int64_t k = 0; k < 3; ++k) {
          const Doubles a(in.begin() + k * n * n, in.begin() + (k + 1) * n * n);
          const double want = by_expansion(a, static_cast<size_t>(n));
          EXPECT_NEAR(as_doubles(y)[static_cast<size_t>(k)], want, bound * (1 + std::fabs(want))) << n;
        }
      }
    }
}

TEST(Det, PivotsAndSingular) {
  const auto det = [](std::vector<float> a, int64_t n) {
    return items<float>(run1("Det", 22, {tensor<float>({n, n}, a)}));
  };
  EXPECT_EQ(det({0, 1, 1, 0}, 2), std::vector<float>{-1});
  EXPECT_EQ(det({1, 2, 2, 4}, 2), std::vector<float>{0});
  EXPECT_EQ(det({1e-30f, 1, 1, 1}, 2), std::vector<float>{-1});
  EXPECT_TRUE(std::isnan(det({NAN, 1, 1, 1}, 2)[0]));
}

TEST(Det, Errors) {
  EXPECT_NE(error_of([] { run1("Det", 22, {vec<float>({1})}); }).find("rank 1"), std::string::npos);
  EXPECT_NE(error_of([] { run1("Det", 22, {tensor<float>({1, 2}, {1, 2})}); }).find("square"), std::string::npos);
}

}  // namespace
}  // namespace tenon::ops::det_test
