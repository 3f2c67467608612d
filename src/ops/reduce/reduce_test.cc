// Reductions and arg reductions against loops over indices: axes in every form, all types, empty sets.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "support/op_runner.h"

namespace tenon::ops::reduce_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;
using Shape = std::vector<int64_t>;
constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

struct Op {
  const char* name;
  int axes_input_since;
  std::function<double(const Doubles&)> f;
  double empty;
};
double sum(const Doubles& v) {
  double s = 0;
  for (double x : v) s += x;
  return s;
}
double fold(const Doubles& v, double first, const std::function<double(double, double)>& f) {
  for (double x : v) first = f(first, x);
  return first;
}
const Op kOps[] = {
    {"ReduceSum", 13, sum, 0},
    {"ReduceMean", 18, [](const Doubles& v) { return sum(v) / static_cast<double>(v.size()); }, kNan},
    {"ReduceMax", 18,
     [](const Doubles& v) { return fold(v, -kInf, [](double a, double b) { return std::max(a, b); }); }, -kInf},
    {"ReduceMin", 18, [](const Doubles& v) { return fold(v, kInf, [](double a, double b) { return std::min(a, b); }); },
     kInf},
    {"ReduceProd", 18, [](const Doubles& v) { return fold(v, 1, [](double a, double b) { return a * b; }); }, 1},
    {"ReduceL1", 18, [](const Doubles& v) { return fold(v, 0, [](double a, double b) { return a + std::fabs(b); }); },
     0},
    {"ReduceL2", 18,
     [](const Doubles& v) { return std::sqrt(fold(v, 0, [](double a, double b) { return a + b * b; })); }, 0},
    {"ReduceSumSquare", 18, [](const Doubles& v) { return fold(v, 0, [](double a, double b) { return a + b * b; }); },
     0},
    {"ReduceLogSum", 18, [](const Doubles& v) { return std::log(sum(v)); }, -kInf},
    {"ReduceLogSumExp", 18,
     [](const Doubles& v) { return std::log(fold(v, 0, [](double a, double b) { return a + std::exp(b); })); }, -kInf},
};

// The elements that each result reduces.
std::vector<Doubles> groups(const Doubles& x, const Shape& dims, const std::vector<bool>& reduced) {
  int64_t results = 1;
  for (size_t i = 0; i < dims.size(); ++i)
    if (!reduced[i]) results *= dims[i];
  std::vector<Doubles> out(static_cast<size_t>(results));
  for (size_t i = 0; i < x.size(); ++i) {
    int64_t rest = static_cast<int64_t>(i), at = 0, step = 1;
    for (size_t k = dims.size(); k-- > 0;) {
      const int64_t index = rest % dims[k];
      rest /= dims[k];
      if (reduced[k]) continue;
      at += index * step;
      step *= dims[k];
    }
    out[static_cast<size_t>(at)].push_back(x[i]);
  }
  return out;
}

const std::vector<std::pair<Shape, Shape>> kCases = {
    // dims, axes
    {{3, 4}, {1}},       {{3, 4}, {0}},          {{3, 4}, {-2}},  {{3, 4}, {0, 1}}, {{2, 3, 4}, {1}},
    {{2, 3, 4}, {0, 2}}, {{2, 3, 4, 5}, {1, 3}}, {{2, 3, 4}, {}}, {{5}, {0}},       {{1, 6, 1}, {1}},
    {{1, 1}, {0}},       {{2, 1, 3}, {1}},       {{70, 3}, {0}},  {{3, 700}, {1}},  {{}, {}},
};

TEST(Reduce, EveryAxesAndFloatType) {
  for (const Op& op : kOps)
    for (const auto& [dims, axes] : kCases)
      for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16})
        for (int64_t keep : {0, 1}) {
          std::vector<bool> reduced(dims.size(), axes.empty());
          for (int64_t a : axes) reduced[static_cast<size_t>(a < 0 ? a + static_cast<int64_t>(dims.size()) : a)] = true;
          size_t n = 1;
          for (int64_t d : dims) n *= static_cast<size_t>(d);
          const Value x = numbers(t, dims, random_numbers(n, 0.6, 1.4));
          Shape out;
          for (size_t i = 0; i < dims.size(); ++i)
            if (!reduced[i])
              out.push_back(dims[i]);
            else if (keep)
              out.push_back(1);
          graph::Attrs attribute{{"keepdims", keep}};
          if (!axes.empty()) attribute.set("axes", axes);
          const Value a = axes.empty() ? Value() : vec<int64_t>(axes);
          std::vector<Value> results = {run1(op.name, 18, {x, a}, {{"keepdims", keep}})};
          if (t != DType::kBFloat16) {
            results.push_back(run1(op.name, 1, {x}, attribute));
            results.push_back(run1(op.name, 11, {x}, attribute));
          }
          if (op.axes_input_since == 18) results.push_back(run1(op.name, 13, {x}, attribute));
          const double tol = t == DType::kDouble    ? 1e-12
                             : t == DType::kFloat   ? 2e-6
                             : t == DType::kFloat16 ? 2e-3
                                                    : 1e-2;
          const std::vector<Doubles> each = groups(as_doubles(x), dims, reduced);
          for (const Value& y : results) {
            ASSERT_EQ(dims_of(y), out) << op.name;
            const Doubles got = as_doubles(y);
            for (size_t i = 0; i < got.size(); ++i) {
              const double want = op.f(each[i]);
              if (t == DType::kFloat16 && std::fabs(want) > 6e4) continue;
              ASSERT_NEAR(got[i], want, tol * (1 + std::fabs(want)))
                  << op.name << " " << dtype_name(t) << " " << to_string(dims) << " axes " << to_string(axes);
            }
          }
        }
}

TEST(Reduce, Integers) {
  const Doubles v = {1, 2, 3, 4, 5, 7};
  for (DType t : {DType::kInt32, DType::kInt64, DType::kUint32, DType::kUint64}) {
    const Value x = numbers(t, {2, 3}, v), axis = vec<int64_t>({1});
    const auto run = [&](const char* op) { return as_doubles(run1(op, 18, {x, axis}, {{"keepdims", int64_t{0}}})); };
    EXPECT_EQ(run("ReduceSum"), (Doubles{6, 16}));
    EXPECT_EQ(run("ReduceMean"), (Doubles{2, 5}));
    EXPECT_EQ(run("ReduceMax"), (Doubles{3, 7}));
    EXPECT_EQ(run("ReduceMin"), (Doubles{1, 4}));
    EXPECT_EQ(run("ReduceProd"), (Doubles{6, 140}));
    EXPECT_EQ(run("ReduceL1"), (Doubles{6, 16}));
    EXPECT_EQ(run("ReduceL2"), (Doubles{3, 9}));
    EXPECT_EQ(run("ReduceSumSquare"), (Doubles{14, 90}));
    EXPECT_EQ(run("ReduceLogSum"), (Doubles{1, 2}));
    EXPECT_EQ(run("ReduceLogSumExp"), (Doubles{3, 7}));
  }
  EXPECT_EQ(as_doubles(run1("ReduceL1", 18, {vec<int32_t>({-3, 4})})), Doubles{7});
  EXPECT_EQ(as_doubles(run1("ReduceMax", 12, {vec<int8_t>({-100, -3})})), Doubles{-3});
  EXPECT_EQ(as_doubles(run1("ReduceMin", 20, {vec<uint8_t>({200, 3})})), Doubles{3});
  EXPECT_EQ(as_doubles(run1("ReduceMax", 20, {numbers(DType::kBool, {2, 2}, {0, 1, 0, 0}), vec<int64_t>({1})})),
            (Doubles{1, 0}));
  EXPECT_EQ(items<uint32_t>(run1("ReduceSum", 13, {vec<uint32_t>({4294967295u, 2})}))[0], 1u);
  EXPECT_NE(error_of([] { run1("ReduceSum", 13, {vec<int8_t>({1})}); }), "");
  EXPECT_NE(error_of([] { run1("ReduceLogSum", 28, {vec<int32_t>({1})}); }), "");
}

TEST(Reduce, EmptySetsAndNoAxes) {
  for (const Op& op : kOps)
    for (DType t : {DType::kFloat, DType::kDouble}) {
      for (double v : as_doubles(run1(op.name, 18, {numbers(t, {2, 0, 3}, {}), vec<int64_t>({1})}))) {
        if (std::isnan(op.empty))
          EXPECT_TRUE(std::isnan(v)) << op.name;
        else
          EXPECT_EQ(v, op.empty) << op.name << dtype_name(t);
      }
      EXPECT_EQ(run1(op.name, 18, {numbers(t, {2, 0, 3}, {}), vec<int64_t>({0})}).count(), 0);
      // Empty axes with noop: the other steps of the operator still happen.
      const Value x = numbers(t, {2, 2}, {1, 2, 3, 4});
      const graph::Attrs noop{{"noop_with_empty_axes", int64_t{1}}};
      const Value y = run1(op.name, 18, {x, vec<int64_t>({})}, noop), z = run1(op.name, 18, {x}, noop);
      EXPECT_EQ(dims_of(y), (Shape{2, 2}));
      for (size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(as_doubles(y)[i], op.f({as_doubles(x)[i]}), 1e-6) << op.name;
        EXPECT_EQ(as_doubles(y)[i], as_doubles(z)[i]);
      }
      EXPECT_EQ(run1(op.name, 18, {x, vec<int64_t>({})}, {{"keepdims", int64_t{0}}}).dims().size(), 0u);
    }
  EXPECT_EQ(as_doubles(run1("ReduceMax", 20, {numbers(DType::kBool, {0}, {})})), Doubles{0});
  EXPECT_EQ(as_doubles(run1("ReduceMin", 18, {numbers(DType::kInt32, {0}, {})})), Doubles{2147483647});
  EXPECT_NE(error_of([] { run1("ReduceMean", 18, {numbers(DType::kInt32, {0}, {})}); }).find("mean"),
            std::string::npos);
}

TEST(Reduce, NanAndInfinity) {
  for (DType t : {DType::kFloat, DType::kDouble}) {
    for (const char* op : {"ReduceMax", "ReduceMin", "ReduceSum", "ReduceLogSumExp"})
      EXPECT_TRUE(std::isnan(as_doubles(run1(op, 18, {numbers(t, {3}, {1, kNan, 2})}))[0])) << op;
    EXPECT_NEAR(as_doubles(run1("ReduceLogSumExp", 18, {numbers(t, {2}, {1000, 1000})}))[0], 1000 + std::log(2), 1e-3);
    EXPECT_EQ(as_doubles(run1("ReduceLogSumExp", 18, {numbers(t, {2}, {-kInf, -kInf})}))[0], -kInf);
    EXPECT_EQ(as_doubles(run1("ReduceLogSumExp", 18, {numbers(t, {2}, {kInf, 1})}))[0], kInf);
  }
}

TEST(Reduce, WrongAxes) {
  const Value x = numbers(DType::kFloat, {2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_NE(error_of([&] { run1("ReduceSum", 13, {x, vec<int64_t>({2})}); }).find("out of range"), std::string::npos);
  EXPECT_NE(error_of([&] { run1("ReduceSum", 11, {x}, {{"axes", std::vector<int64_t>{-3}}}); }), "");
  EXPECT_NE(error_of([&] {
              run1("ReduceSum", 13, {x, tensor<int64_t>({1, 1}, {0})});
            }).find("rank"),
            std::string::npos);
  EXPECT_NE(error_of([&] { run1("ReduceMean", 13, {x, vec<int64_t>({0})}); }), "");
}

TEST(Reduce, SameForAnyNumberOfThreads) {
  ThreadPool pool({.threads = 4});
  for (DType t : {DType::kFloat, DType::kDouble, DType::kInt32})
    for (const Shape& axes : {Shape{0}, Shape{1}, Shape{0, 2}, Shape{}}) {
      const Value x = numbers(t, {60, 70, 80}, random_numbers(60 * 70 * 80, -9, 9));
      const Value one = run1("ReduceSum", 13, {x, vec<int64_t>(axes)}, {}, {.check_variants = false});
      const Value many = run1("ReduceSum", 13, {x, vec<int64_t>(axes)}, {}, {.pool = &pool, .check_variants = false});
      EXPECT_EQ(as_doubles(one), as_doubles(many));
    }
}

TEST(ArgReduce, EveryTypeAxisAndTie) {
  const Doubles v = {3, 1, 3, 2, 0, 2};
  for (int k = 1; k < kNumDTypes; ++k) {
    const auto t = static_cast<DType>(k);
    if (!contains(kNumericSet, t)) continue;
    const Value x = numbers(t, {2, 3}, v);
    const auto run = [&](const char* op, int64_t axis, int64_t keep, int64_t last) {
      return run1(op, 13, {x}, {{"axis", axis}, {"keepdims", keep}, {"select_last_index", last}});
    };
    EXPECT_EQ(items<int64_t>(run("ArgMax", 1, 1, 0)), (Shape{0, 0})) << dtype_name(t);
    EXPECT_EQ(items<int64_t>(run("ArgMax", 1, 1, 1)), (Shape{2, 2}));
    EXPECT_EQ(items<int64_t>(run("ArgMin", -1, 0, 0)), (Shape{1, 1}));
    EXPECT_EQ(items<int64_t>(run("ArgMax", 0, 0, 0)), (Shape{0, 0, 0}));
    EXPECT_EQ(items<int64_t>(run("ArgMin", 0, 1, 0)), (Shape{1, 1, 1}));
    EXPECT_EQ(dims_of(run("ArgMax", 1, 1, 0)), (Shape{2, 1}));
    EXPECT_EQ(dims_of(run("ArgMax", 1, 0, 0)), (Shape{2}));
  }
  const Value x = vec<float>({1, 2});
  for (int version : {1, 11, 12}) EXPECT_EQ(items<int64_t>(run1("ArgMax", version, {x}))[0], 1);
  EXPECT_EQ(items<int64_t>(run1("ArgMax", 13, {vec<double>({1, kNan, 9, kNan})}))[0], 1);
  EXPECT_EQ(items<int64_t>(run1("ArgMin", 13, {vec<float>({1, static_cast<float>(kNan), -9})}))[0], 1);
  EXPECT_NE(error_of([&] { run1("ArgMax", 13, {x}, {{"axis", int64_t{1}}}); }).find("out of range"), std::string::npos);
  EXPECT_NE(error_of([&] { run1("ArgMax", 11, {x}, {{"select_last_index", int64_t{1}}}); }), "");
  EXPECT_NE(error_of([] {
              run1("ArgMax", 13, {numbers(DType::kFloat, {0, 2}, {})});
            }).find("no elements"),
            std::string::npos);
}

}  // namespace
}  // namespace tenon::ops::reduce_test
