// Every unary elementwise operator: each element type against a formula in double, and the rows' limits.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "support/op_runner.h"

namespace tenon::ops::unary_test {
namespace {

using namespace tenon::test;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double tolerance(DType t) {
  switch (t) {
    case DType::kFloat:
      return 1e-6;
    case DType::kFloat16:
      return 1e-3;
    case DType::kBFloat16:
      return 8e-3;
    default:
      return 1e-13;
  }
}
void expect_near(double want, double got, double tol, const std::string& where) {
  if (std::isnan(want)) {
    EXPECT_TRUE(std::isnan(got)) << where << " is " << got;
  } else if (std::isinf(want) || want == got) {
    EXPECT_EQ(want, got) << where;
  } else {
    EXPECT_NEAR(want, got, tol * (1 + std::fabs(want))) << where;
  }
}

struct Case {
  const char* op;
  std::vector<int> versions;
  double lo, hi;
  std::function<double(double)> f;
  graph::Attrs attrs = {};
  bool bfloat_newest = true;
  const char* domain = "";
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::log1p(std::exp(x)); }

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"Sin", {7, 22}, -20, 20, [](double x) { return std::sin(x); }},
      {"Cos", {7, 22}, -20, 20, [](double x) { return std::cos(x); }},
      {"Tan", {7, 22}, -1.2, 1.2, [](double x) { return std::tan(x); }},
      {"Asin", {7, 22}, -1, 1, [](double x) { return std::asin(x); }},
      {"Acos", {7, 22}, -1, 1, [](double x) { return std::acos(x); }},
      {"Atan", {7, 22}, -9, 9, [](double x) { return std::atan(x); }},
      {"Sinh", {9, 22}, -4, 4, [](double x) { return std::sinh(x); }},
      {"Cosh", {9, 22}, -4, 4, [](double x) { return std::cosh(x); }},
      {"Tanh", {1, 6, 13}, -9, 9, [](double x) { return std::tanh(x); }},
      {"Asinh", {9, 22}, -9, 9, [](double x) { return std::asinh(x); }},
      {"Acosh", {9, 22}, 1, 9, [](double x) { return std::acosh(x); }},
      {"Atanh", {9, 22}, -0.9, 0.9, [](double x) { return std::atanh(x); }},
      {"Exp", {1, 6, 13}, -9, 9, [](double x) { return std::exp(x); }},
      {"Log", {1, 6, 13}, 0.01, 99, [](double x) { return std::log(x); }},
      {"Sqrt", {1, 6, 13}, 0, 99, [](double x) { return std::sqrt(x); }},
      {"Reciprocal", {1, 6, 13}, 0.5, 9, [](double x) { return 1 / x; }},
      {"Floor", {1, 6, 13}, -9, 9, [](double x) { return std::floor(x); }},
      {"Ceil", {1, 6, 13}, -9, 9, [](double x) { return std::ceil(x); }},
      {"Round", {11, 22}, -9, 9, [](double x) { return std::nearbyint(x); }},
      {"Neg", {1, 6, 13}, -9, 9, [](double x) { return -x; }},
      {"Abs", {1, 6, 13}, -9, 9, [](double x) { return std::fabs(x); }},
      {"Sign", {9, 13}, -9, 9, [](double x) { return x > 0   ? 1.0
                                                     : x < 0 ? -1.0
                                                             : 0.0; }},
      {"Erf", {9, 13}, -4, 4, [](double x) { return std::erf(x); }},
      {"Relu", {1, 6, 13, 14}, -9, 9, [](double x) { return std::max(x, 0.0); }},
      {"LeakyRelu", {1, 6, 16}, -9, 9, [](double x) { return x < 0 ? 0.01f * x : x; }},
      {"LeakyRelu", {6, 16}, -9, 9, [](double x) { return x < 0 ? 0.25 * x : x; }, {{"alpha", 0.25f}}},
      {"ThresholdedRelu", {10, 22}, -9, 9, [](double x) { return x > 2.5 ? x : 0; }, {{"alpha", 2.5f}}},
      {"Elu", {1, 6, 22}, -9, 9, [](double x) { return x < 0 ? 1.5 * std::expm1(x) : x; }, {{"alpha", 1.5f}}},
      {"Selu",
       {6, 22},
       -9,
       9,
       [](double x) { return 1.05070102214813232421875 * (x < 0 ? 1.67326319217681884765625 * std::expm1(x) : x); }},
      {"Selu", {1}, -9, 9, [](double x) { return 1.0507f * (x < 0 ? 1.6732f * std::expm1(x) : x); }, {}, false},
      {"Celu", {28}, -9, 9, [](double x) { return x < 0 ? 2 * std::expm1(x / 2) : x; }, {{"alpha", 2.f}}},
      {"Sigmoid", {1, 6, 13}, -20, 20, sigmoid},
      {"HardSigmoid", {1, 6, 22}, -9, 9, [](double x) { return std::clamp(0.2f * x + 0.5, 0.0, 1.0); }},
      {"HardSigmoid",
       {6, 22},
       -9,
       9,
       [](double x) { return std::clamp(0.5 * x + 0.25, 0.0, 1.0); },
       {{"alpha", 0.5f}, {"beta", 0.25f}}},
      {"HardSwish", {14, 22}, -9, 9, [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {"Softplus", {1, 22}, -20, 20, softplus},
      {"Softsign", {1, 22}, -9, 9, [](double x) { return x / (1 + std::fabs(x)); }},
      {"Mish", {18, 22}, -9, 9, [](double x) { return x * std::tanh(softplus(x)); }},
      {"Swish", {24}, -9, 9, [](double x) { return x * sigmoid(x); }},
      {"Swish", {24}, -9, 9, [](double x) { return x * sigmoid(1.5 * x); }, {{"alpha", 1.5f}}},
      {"Gelu", {20}, -6, 6, [](double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2))); }},
      {"Gelu",
       {20},
       -6,
       6,
       [](double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); },
       {{"approximate", std::string("tanh")}}},
      {"QuickGelu", {1}, -6, 6, [](double x) { return x * sigmoid(1.702f * x); }, {}, true, "com.microsoft"},
      {"Shrink",
       {9},
       -3,
       3,
       [](double x) { return x < -1  ? x + 0.5
                             : x > 1 ? x - 0.5
                                     : 0; },
       {{"lambd", 1.f}, {"bias", 0.5f}},
       false},
      {"Clip", {13}, -9, 9, [](double x) { return x; }},
      {"Clip", {1, 6}, -9, 9, [](double x) { return std::clamp(x, -2.5, 3.0); }, {{"min", -2.5f}, {"max", 3.f}}, false},
  };
  return all;
}

TEST(Unary, FloatsFollowTheFormula) {
  for (const Case& c : cases()) {
    for (size_t v = 0; v < c.versions.size(); ++v) {
      for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16}) {
        const bool newest = v + 1 == c.versions.size();
        const std::string where =
            std::string(c.op) + "-" + std::to_string(c.versions[v]) + " " + std::string(dtype_name(t));
        if (t == DType::kBFloat16 && !(newest && c.bfloat_newest)) {
          const auto run = [&] { run_op(c.domain, c.op, c.versions[v], {numbers(t, {1}, {0.5})}, c.attrs); };
          if (!newest && c.versions[v] < 13) {
            EXPECT_NE(error_of(run), "") << where;
          }
          continue;
        }
        const Value x = numbers(t, {7, 101}, random_numbers(707, c.lo, c.hi));
        const Value y = run_op(c.domain, c.op, c.versions[v], {x}, c.attrs)[0];
        ASSERT_EQ(dims_of(y), (std::vector<int64_t>{7, 101})) << where;
        ASSERT_EQ(y.dtype(), t) << where;
        const std::vector<double> in = as_doubles(x), out = as_doubles(y);
        for (size_t i = 0; i < in.size(); ++i)
          expect_near(c.f(in[i]), out[i], tolerance(t), where + " of " + std::to_string(in[i]));
      }
    }
  }
}

TEST(Unary, EmptyAndScalarAndThreads) {
  ThreadPool pool({.threads = 3});
  for (const Case& c : cases()) {
    const int v = c.versions.back();
    EXPECT_EQ(run_op(c.domain, c.op, v, {numbers(DType::kFloat, {0, 3}, {})}, c.attrs)[0].count(), 0);
    const double mid = (c.lo + c.hi) / 2;
    EXPECT_EQ(run_op(c.domain, c.op, v, {numbers(DType::kFloat, {}, {mid})}, c.attrs)[0].dims().size(), 0u);
    const Value x = numbers(DType::kFloat, {40000}, random_numbers(40000, c.lo, c.hi));
    const Value one = run_op(c.domain, c.op, v, {x}, c.attrs, 1, {.check_variants = false})[0];
    const Value many = run_op(c.domain, c.op, v, {x}, c.attrs, 1, {.pool = &pool, .check_variants = false})[0];
    EXPECT_EQ(items<float>(one), items<float>(many)) << c.op;
  }
}

TEST(Unary, NanAndInfinitySurvive) {
  struct Limit {
    const char* op;
    int version;
    double x, y;
  };
  const Limit limits[] = {
      {"Relu", 14, kNan, kNan},
      {"Relu", 14, kInf, kInf},
      {"Relu", 14, -kInf, 0},
      {"Abs", 13, -kInf, kInf},
      {"Sign", 13, kNan, kNan},
      {"Sign", 13, -kInf, -1},
      {"Exp", 13, -kInf, 0},
      {"Exp", 13, 1000, kInf},
      {"Log", 13, 0, -kInf},
      {"Log", 13, -1, kNan},
      {"Sqrt", 13, -1, kNan},
      {"Sqrt", 13, kInf, kInf},
      {"Tanh", 13, kInf, 1},
      {"Sigmoid", 13, -kInf, 0},
      {"Sigmoid", 13, kInf, 1},
      {"Softplus", 22, 500, 500},
      {"Softplus", 22, -500, 0},
      {"Reciprocal", 13, 0, kInf},
      {"Round", 22, 2.5, 2},
      {"Round", 22, -1.5, -2},
      {"Clip", 13, kNan, kNan},
      {"LeakyRelu", 16, kNan, kNan},
      {"Elu", 22, -kInf, -1},
      {"Erf", 13, -kInf, -1},
      {"Floor", 13, kInf, kInf},
      {"Mish", 22, kInf, kInf},
      {"Gelu", 20, kNan, kNan},
      {"Sin", 22, kInf, kNan},
      {"HardSigmoid", 22, kNan, kNan},
      {"Softsign", 22, -kInf, -1},
      {"HardSwish", 22, -kInf, 0},
      {"Mish", 22, -kInf, 0},
      {"Gelu", 20, -kInf, 0},
      {"Swish", 24, -kInf, 0},
      {"ThresholdedRelu", 22, kNan, kNan},
      {"Shrink", 9, kNan, kNan},
  };
  for (const Limit& l : limits)
    for (DType t : {DType::kFloat, DType::kDouble})
      expect_near(l.y, as_doubles(run1(l.op, l.version, {numbers(t, {1}, {l.x})}))[0], 1e-6,
                  std::string(l.op) + " of " + std::to_string(l.x));
}

TEST(Unary, Integers) {
  const int64_t low = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(items<int64_t>(run1("Neg", 13, {vec<int64_t>({3, -4, low})})), (std::vector<int64_t>{-3, 4, low}));
  EXPECT_EQ(items<int64_t>(run1("Abs", 13, {vec<int64_t>({3, -4, low})})), (std::vector<int64_t>{3, 4, low}));
  EXPECT_EQ(items<int8_t>(run1("Abs", 13, {vec<int8_t>({-128, -127})})), (std::vector<int8_t>{-128, 127}));
  EXPECT_EQ(items<uint8_t>(run1("Sign", 13, {vec<uint8_t>({0, 200})})), (std::vector<uint8_t>{0, 1}));
  EXPECT_EQ(items<int32_t>(run1("Sign", 13, {vec<int32_t>({-7, 0, 9})})), (std::vector<int32_t>{-1, 0, 1}));
  EXPECT_EQ(items<int16_t>(run1("Relu", 14, {vec<int16_t>({-7, 0, 9})})), (std::vector<int16_t>{0, 0, 9}));
  EXPECT_EQ(items<uint16_t>(run1("BitwiseNot", 18, {vec<uint16_t>({0, 65535})})), (std::vector<uint16_t>{65535, 0}));
  EXPECT_EQ(items<int32_t>(run1("Erf", 9, {vec<int32_t>({-9, 0, 1})})), (std::vector<int32_t>{-1, 0, 0}));
  EXPECT_EQ(items<int32_t>(run1("Shrink", 9, {vec<int32_t>({-9, 0, 1})}, {{"bias", 1.f}})),
            (std::vector<int32_t>{-8, 0, 0}));
}

TEST(Clip, BoundsAsInputs) {
  const Value x = vec<float>({-5, 0.5, 7});
  EXPECT_EQ(items<float>(run1("Clip", 13, {x, scalar(-1.f), scalar(2.f)})), (std::vector<float>{-1, 0.5, 2}));
  EXPECT_EQ(items<float>(run1("Clip", 11, {x, Value(), scalar(2.f)})), (std::vector<float>{-5, 0.5, 2}));
  EXPECT_EQ(items<float>(run1("Clip", 12, {x, scalar(3.f), scalar(2.f)})), (std::vector<float>{2, 2, 2}));
  EXPECT_EQ(items<int8_t>(run1("Clip", 12, {vec<int8_t>({-9, 5, 100}), scalar<int8_t>(-2), Value()})),
            (std::vector<int8_t>{-2, 5, 100}));
  EXPECT_EQ(as_doubles(run1("Clip", 13,
                            {numbers(DType::kFloat16, {2}, {-9, 9}), numbers(DType::kFloat16, {}, {-1}),
                             numbers(DType::kFloat16, {}, {1})})),
            (std::vector<double>{-1, 1}));
  EXPECT_EQ(items<double>(run1("Clip", 13, {vec<double>({-kInf, kInf}), scalar(-1.0)})),
            (std::vector<double>{-1, std::numeric_limits<double>::max()}));
  EXPECT_EQ(as_doubles(run1("Clip", 13, {numbers(DType::kFloat16, {2}, {kInf, -kInf})})),
            (std::vector<double>{65504, -65504}));
  EXPECT_EQ(items<float>(run1("Clip", 6, {vec<float>({static_cast<float>(kInf)})})),
            (std::vector<float>{std::numeric_limits<float>::max()}));
  EXPECT_NE(error_of([&] { run1("Clip", 13, {x, vec<float>({1, 2})}); }).find("expected a scalar"), std::string::npos);
}

TEST(Unary, WrongAttributes) {
  const Value x = vec<float>({1});
  EXPECT_NE(error_of([&] {
              run1("Gelu", 20, {x}, {{"approximate", std::string("sigmoid")}});
            }).find("approximate"),
            std::string::npos);
  EXPECT_NE(error_of([&] { run1("Celu", 12, {vec<double>({1})}); }).find("double"), std::string::npos);
}

}  // namespace
}  // namespace tenon::ops::unary_test
