// Softmax, LogSoftmax, Hardmax (both definitions of the axis), CumSum and CumProd.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/op_runner.h"

namespace tenon::ops::softmax_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;

Doubles expected(const Doubles& x, int64_t outer, int64_t axis, int64_t inner, const std::string& op) {
  Doubles y(x.size());
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const auto at = [&](int64_t k) { return static_cast<size_t>((o * axis + k) * inner + i); };
      double sum = 0;
      int64_t best = 0;
      for (int64_t k = 0; k < axis; ++k) {
        sum += std::exp(x[at(k)]);
        if (x[at(k)] > x[at(best)]) best = k;
      }
      for (int64_t k = 0; k < axis; ++k)
        y[at(k)] = op == "Softmax"      ? std::exp(x[at(k)]) / sum
                   : op == "LogSoftmax" ? x[at(k)] - std::log(sum)
                                        : k == best;
    }
  return y;
}

TEST(Softmax, EveryAxisVersionAndType) {
  const Doubles v = random_numbers(2 * 3 * 5 * 4, -4, 4);
  const int64_t dims[] = {2, 3, 5, 4};
  for (const std::string op : {"Softmax", "LogSoftmax", "Hardmax"})
    for (int version : {1, 11, 13})
      for (int64_t axis = -4; axis < 4; ++axis)
        for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16}) {
          if (t == DType::kBFloat16 && version < 13) continue;
          const Value x = numbers(t, {2, 3, 5, 4}, v);
          const int64_t at = axis < 0 ? axis + 4 : axis;
          int64_t outer = 1, rest = 1;
          for (int64_t k = 0; k < 4; ++k) (k < at ? outer : rest) *= dims[k];
          const Doubles want = version < 13 ? expected(as_doubles(x), outer, rest, 1, op)
                                            : expected(as_doubles(x), outer, dims[at], rest / dims[at], op);
          const Doubles got = as_doubles(run1(op, version, {x}, {{"axis", axis}}));
          const double tol = t == DType::kDouble    ? 1e-13
                             : t == DType::kFloat   ? 1e-6
                             : t == DType::kFloat16 ? 4e-3
                                                    : 4e-2;
          for (size_t i = 0; i < want.size(); ++i)
            ASSERT_NEAR(got[i], want[i], tol) << op << version << " axis " << axis << " " << dtype_name(t);
        }
}

TEST(Softmax, DefaultsAndLimits) {
  const Value x = tensor<float>({2, 2, 2}, {1, 2, 3, 4, 1, 2, 3, 4});
  EXPECT_EQ(as_doubles(run1("Softmax", 13, {x})), as_doubles(run1("Softmax", 13, {x}, {{"axis", int64_t{2}}})));
  EXPECT_EQ(as_doubles(run1("Softmax", 11, {x})), as_doubles(run1("Softmax", 11, {x}, {{"axis", int64_t{1}}})));
  for (DType t : {DType::kFloat, DType::kDouble}) {
    EXPECT_EQ(as_doubles(run1("Softmax", 13, {numbers(t, {2}, {1e4, 1e4})})), (Doubles{0.5, 0.5}));
    const double inf = std::numeric_limits<double>::infinity();
    EXPECT_EQ(as_doubles(run1("Softmax", 13, {numbers(t, {2}, {-inf, 0})})), (Doubles{0, 1}));
    EXPECT_TRUE(std::isnan(as_doubles(run1("Softmax", 13, {numbers(t, {2}, {NAN, 0})}))[1]));
    EXPECT_EQ(run1("LogSoftmax", 13, {numbers(t, {0, 3}, {})}).count(), 0);
    EXPECT_EQ(run1("LogSoftmax", 13, {numbers(t, {3, 0}, {})}).count(), 0);
  }
  EXPECT_EQ(as_doubles(run1("Hardmax", 13, {vec<float>({2, 3, 3})})), (Doubles{0, 1, 0}));
  EXPECT_NE(error_of([&] {
              run1("Softmax", 13, {x}, {{"axis", int64_t{3}}});
            }).find("out of range"),
            std::string::npos);
  EXPECT_NE(error_of([&] { run1("Hardmax", 13, {x}, {{"axis", int64_t{-4}}}); }), "");
  EXPECT_NE(error_of([&] { run1("Softmax", 13, {vec<int32_t>({1})}); }), "");
}

TEST(Cumulative, SumsAndProducts) {
  const Doubles v = {1, 2, 3, 4, 5, 6};
  for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16, DType::kInt32, DType::kInt64,
                  DType::kUint32, DType::kUint64}) {
    const Value x = numbers(t, {2, 3}, v);
    const auto run = [&](const char* op, int version, int64_t axis, int64_t exclusive, int64_t reverse) {
      const graph::Attrs attrs{{"exclusive", exclusive}, {"reverse", reverse}};
      const Doubles wide = as_doubles(run1(op, version, {x, scalar<int64_t>(axis)}, attrs));
      EXPECT_EQ(as_doubles(run1(op, version, {x, vec<int32_t>({static_cast<int32_t>(axis)})}, attrs)), wide);
      return wide;
    };
    EXPECT_EQ(run("CumSum", 14, 1, 0, 0), (Doubles{1, 3, 6, 4, 9, 15}));
    EXPECT_EQ(run("CumSum", 14, -2, 0, 0), (Doubles{1, 2, 3, 5, 7, 9}));
    EXPECT_EQ(run("CumSum", 14, 1, 1, 0), (Doubles{0, 1, 3, 0, 4, 9}));
    EXPECT_EQ(run("CumSum", 14, 1, 0, 1), (Doubles{6, 5, 3, 15, 11, 6}));
    EXPECT_EQ(run("CumSum", 14, 1, 1, 1), (Doubles{5, 3, 0, 11, 6, 0}));
    EXPECT_EQ(run("CumProd", 26, 1, 0, 0), (Doubles{1, 2, 6, 4, 20, 120}));
    EXPECT_EQ(run("CumProd", 26, 0, 1, 0), (Doubles{1, 1, 1, 1, 2, 3}));
    if (!is_float(t) || t == DType::kFloat) {
      EXPECT_EQ(run("CumSum", 11, 1, 0, 0), (Doubles{1, 3, 6, 4, 9, 15}));
    }
  }
  const Value x = vec<float>({1, 2});
  EXPECT_NE(error_of([&] { run1("CumSum", 14, {x, scalar<int64_t>(1)}); }).find("out of range"), std::string::npos);
  EXPECT_NE(error_of([&] { run1("CumSum", 14, {x, vec<int64_t>({0, 0})}, {}); }).find("expected 1"), std::string::npos);
  EXPECT_NE(error_of([&] { run1("CumSum", 11, {numbers(DType::kFloat16, {1}, {1}), scalar<int64_t>(0)}); }), "");
}

}  // namespace
}  // namespace tenon::ops::softmax_test
