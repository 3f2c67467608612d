// The broadcast driver and the binary arithmetic operators against plain loops over indices.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "support/op_runner.h"

namespace tenon::ops::map_test {
namespace {

using namespace tenon::test;
using Shape = std::vector<int64_t>;

// Element of `data` with dims `from` at flat position i of `to`.
double at(const std::vector<double>& data, const Shape& from, const Shape& to, int64_t i) {
  int64_t offset = 0, step = 1;
  for (size_t k = 0; k < to.size(); ++k) {
    const size_t axis = to.size() - 1 - k;
    const int64_t index = i % to[axis];
    i /= to[axis];
    if (k >= from.size()) continue;
    const int64_t own = from[from.size() - 1 - k];
    if (own != 1) offset += index * step;
    step *= own;
  }
  return data[static_cast<size_t>(offset)];
}
int64_t total(const Shape& s) {
  int64_t n = 1;
  for (int64_t d : s) n *= d;
  return n;
}

const std::vector<std::pair<Shape, Shape>> kShapes = {
    {{}, {}},
    {{3}, {}},
    {{}, {2, 3}},
    {{2, 3}, {2, 3}},
    {{2, 3}, {3}},
    {{2, 3}, {2, 1}},
    {{4, 1}, {1, 4}},
    {{1, 4}, {4, 1}},
    {{2, 3, 4}, {3, 1}},
    {{3, 1}, {2, 3, 4}},
    {{2, 1, 4, 1}, {1, 3, 1, 5}},
    {{1}, {1, 1, 1}},
    {{2, 1, 3}, {1, 1, 3}},
    {{8, 1, 6, 1, 2}, {7, 1, 5, 1}},
    {{0, 3}, {1, 3}},
    {{2, 0}, {1}},
    {{5, 1, 300}, {5, 7, 1}},
    {{300, 2}, {300, 1}},
};

struct Op {
  const char* name;
  int version;
  std::function<double(double, double)> f;
};

TEST(Broadcast, EveryShapeAndType) {
  const Op ops[] = {
      {"Add", 14, [](double a, double b) { return a + b; }},
      {"Sub", 14, [](double a, double b) { return a - b; }},
      {"Mul", 14, [](double a, double b) { return a * b; }},
      {"Max", 13, [](double a, double b) { return std::max(a, b); }},
      {"Min", 13, [](double a, double b) { return std::min(a, b); }},
  };
  for (const Op& op : ops) {
    for (int t = 1; t < kNumDTypes; ++t) {
      const DType type = static_cast<DType>(t);
      if (!contains(kNumericSet, type)) continue;
      for (const auto& [a, b] : kShapes) {
        const Dims out = broadcast(a, b);
        const bool is_unsigned = contains(UnsignedInts::set, type);
        std::vector<double> x = random_numbers(static_cast<size_t>(total(a)), is_unsigned ? 5 : -5, 10, 1),
                            y = random_numbers(static_cast<size_t>(total(b)), is_unsigned ? 0 : -5, 5, 2);
        for (double& v : x) v = std::floor(v);
        for (double& v : y) v = std::floor(v);
        const Value z = run1(op.name, op.version, {numbers(type, a, x), numbers(type, b, y)});
        ASSERT_EQ(dims_of(z), Shape(out.begin(), out.end()));
        const std::vector<double> got = as_doubles(z);
        for (int64_t i = 0; i < z.count(); ++i)
          ASSERT_EQ(got[static_cast<size_t>(i)], op.f(at(x, a, dims_of(z), i), at(y, b, dims_of(z), i)))
              << op.name << " " << dtype_name(type) << " " << to_string(a) << " " << to_string(b) << " at " << i;
      }
    }
  }
}

TEST(Broadcast, SameForAnyNumberOfThreads) {
  ThreadPool pool({.threads = 4});
  const Value a = numbers(DType::kFloat, {37, 1, 501}, random_numbers(37 * 501, -1, 1)),
              b = numbers(DType::kFloat, {11, 1}, random_numbers(11, -1, 1, 2));
  for (const char* op : {"Add", "Mul", "Div", "Pow"}) {
    const Value one = run1(op, 13, {a, b}, {}, {.check_variants = false});
    const Value many = run1(op, 13, {a, b}, {}, {.pool = &pool, .check_variants = false});
    EXPECT_EQ(0, std::memcmp(one.data(), many.data(), one.bytes())) << op;
    const float *x = a.as<float>().data(), *y = b.as<float>().data(), *z = many.as<float>().data();
    if (std::string(op) != "Add") continue;
    for (int64_t i = 0; i < 37; ++i)
      for (int64_t j = 0; j < 11; ++j)
        for (int64_t k = 0; k < 501; ++k) ASSERT_EQ(z[(i * 11 + j) * 501 + k], x[i * 501 + k] + y[j]);
  }
}

TEST(Broadcast, RefusesShapesThatDoNotFit) {
  const std::string e = error_of([] {
    run1("Add", 14, {tensor<float>({2, 3}, {0, 0, 0, 0, 0, 0}), vec<float>({1, 2})});
  });
  EXPECT_NE(e.find("[2,3]"), std::string::npos) << e;
  EXPECT_NE(e.find("[2]"), std::string::npos) << e;
  EXPECT_NE(error_of([] { run1("Add", 14, {vec<float>({1}), vec<double>({1})}); }), "");
}

TEST(Arithmetic, IntegersWrap) {
  EXPECT_EQ(items<int8_t>(run1("Add", 14, {vec<int8_t>({127}), vec<int8_t>({1})}))[0], -128);
  EXPECT_EQ(items<uint16_t>(run1("Mul", 14, {vec<uint16_t>({65535}), vec<uint16_t>({65535})}))[0], 1);
  const int64_t top = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(items<int64_t>(run1("Sub", 14, {vec<int64_t>({-top - 1}), vec<int64_t>({1})}))[0], top);
  EXPECT_EQ(items<uint32_t>(run1("Sub", 6, {vec<uint32_t>({1}), vec<uint32_t>({2})}))[0], 4294967295u);
}

TEST(Arithmetic, AxisOfOldOpsets) {
  std::vector<double> x = random_numbers(120, -9, 9);
  const Value a = numbers(DType::kFloat, {2, 3, 4, 5}, x);
  struct Old {
    Shape b;
    graph::Attrs attrs;
    Shape as;  // dims that NumPy's rule takes
  };
  const Old cases[] = {
      {{5}, {{"broadcast", int64_t{1}}}, {5}},
      {{4, 5}, {{"broadcast", int64_t{1}}}, {4, 5}},
      {{3, 4}, {{"broadcast", int64_t{1}}, {"axis", int64_t{1}}}, {3, 4, 1}},
      {{2}, {{"broadcast", int64_t{1}}, {"axis", int64_t{0}}}, {2, 1, 1, 1}},
      {{3}, {{"broadcast", int64_t{1}}, {"axis", int64_t{-3}}}, {3, 1, 1}},
      {{1, 1}, {{"broadcast", int64_t{1}}}, {1}},
      {{}, {{"broadcast", int64_t{1}}}, {}},
      {{2, 3, 4, 5}, {}, {2, 3, 4, 5}},
  };
  for (const char* op : {"Add", "Sub", "Mul", "Div"})
    for (int version : {1, 6})
      for (const Old& c : cases) {
        const std::vector<double> y = random_numbers(static_cast<size_t>(total(c.b)), 1, 9, 3);
        const Value old = run1(op, version, {a, numbers(DType::kFloat, c.b, y)}, c.attrs);
        const Value now = run1(op, 14, {a, numbers(DType::kFloat, c.as, y)});
        EXPECT_EQ(items<float>(old), items<float>(now)) << op << version << to_string(c.b);
      }
  const Value b3 = vec<float>({1, 2, 3});
  EXPECT_NE(error_of([&] { run1("Add", 6, {a, b3}); }).find("broadcast=1"), std::string::npos);
  EXPECT_NE(error_of([&] { run1("Add", 6, {a, b3}, {{"broadcast", int64_t{1}}}); }), "");
  EXPECT_NE(error_of([&] { run1("Add", 6, {a, b3}, {{"broadcast", int64_t{1}}, {"axis", int64_t{4}}}); }), "");
  EXPECT_NE(error_of([&] { run1("Add", 7, {a, b3}, {{"broadcast", int64_t{1}}}); }), "");
}

TEST(Division, Integers) {
  EXPECT_EQ(items<int32_t>(run1("Div", 14, {vec<int32_t>({7, -7, 7, -7}), vec<int32_t>({2, 2, -2, -2})})),
            (std::vector<int32_t>{3, -3, -3, 3}));
  const int32_t low = std::numeric_limits<int32_t>::min();
  EXPECT_EQ(items<int32_t>(run1("Div", 14, {vec<int32_t>({low}), vec<int32_t>({-1})}))[0], low);
  EXPECT_EQ(items<int32_t>(run1("Mod", 13, {vec<int32_t>({low}), vec<int32_t>({-1})}))[0], 0);
  EXPECT_NE(error_of([] { run1("Div", 14, {vec<int32_t>({1}), vec<int32_t>({0})}); }).find("zero"), std::string::npos);
  EXPECT_NE(error_of([] { run1("Mod", 13, {vec<uint8_t>({1}), vec<uint8_t>({0})}); }).find("zero"), std::string::npos);
  EXPECT_EQ(items<int64_t>(run1("Mod", 10, {vec<int64_t>({-4, 7, 5, 4, -7, 8}), vec<int64_t>({2, -3, 8, -2, 3, 5})})),
            (std::vector<int64_t>{0, -2, 5, 0, 2, 3}));
  EXPECT_EQ(items<int64_t>(run1("Mod", 10, {vec<int64_t>({-4, 7, 5, 4, -7, 8}), vec<int64_t>({2, -3, 8, -2, 3, 5})},
                                {{"fmod", int64_t{1}}})),
            (std::vector<int64_t>{0, 1, 5, 0, -1, 3}));
}

TEST(Division, Floats) {
  for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16}) {
    const Value a = numbers(t, {6}, {-4.5, 7, 5, 4.5, -7, 8}), b = numbers(t, {6}, {2, -3, 8, -2, 3, 5});
    EXPECT_EQ(as_doubles(run1("Mod", 28, {a, b})), (std::vector<double>{1.5, -2, 5, -1.5, 2, 3}));
    EXPECT_EQ(as_doubles(run1("Mod", 13, {a, b}, {{"fmod", int64_t{1}}})),
              (std::vector<double>{-0.5, 1, 5, 0.5, -1, 3}));
    EXPECT_EQ(as_doubles(run1("Div", 14, {a, numbers(t, {}, {0.5})})), (std::vector<double>{-9, 14, 10, 9, -14, 16}));
  }
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> r =
      items<float>(run1("Mod", 28, {vec<float>({3, -3, 0, inf, 1}), vec<float>({inf, inf, -2, 2, 0})}));
  EXPECT_EQ(r[0], 3);
  EXPECT_EQ(r[1], inf);
  EXPECT_TRUE(r[2] == 0 && std::signbit(r[2]));
  EXPECT_TRUE(std::isnan(r[3]) && std::isnan(r[4]));
  EXPECT_NE(error_of([] { run1("Mod", 13, {vec<float>({1}), vec<float>({1})}, {{"fmod", int64_t{2}}}); }), "");
}

TEST(Pow, BasesAndExponentsOfEveryType) {
  for (DType x : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16, DType::kInt32, DType::kInt64})
    for (int t = 1; t < kNumDTypes; ++t) {
      const DType y = static_cast<DType>(t);
      if (!contains(kNumericSet, y)) continue;
      const Value z = run1("Pow", 15, {numbers(x, {2, 3}, {1, 2, 3, 4, 5, 2}), numbers(y, {3}, {2, 3, 1})});
      EXPECT_EQ(z.dtype(), x);
      EXPECT_EQ(as_doubles(z), (std::vector<double>{1, 8, 3, 16, 125, 2})) << dtype_name(x) << dtype_name(y);
    }
  EXPECT_EQ(items<int32_t>(run1("Pow", 12, {vec<int32_t>({1, -1, -1, 5}), vec<int64_t>({-3, -3, -2, -1})})),
            (std::vector<int32_t>{1, -1, 1, 0}));
  EXPECT_NE(error_of([] { run1("Pow", 12, {vec<int32_t>({0}), vec<int64_t>({-1})}); }), "");
  EXPECT_EQ(items<int32_t>(run1("Pow", 12, {vec<int32_t>({10}), vec<float>({20})}))[0], 2147483647);
}

TEST(Pow, CommonExponents) {
  const float inf = std::numeric_limits<float>::infinity();
  for (float e : {2.f, 3.f, 1.f, -1.f, 0.5f, 0.f, 2.5f, -0.5f}) {
    const std::vector<float> xs = {0.25f, 3, 100, inf, 0, -0.f, e == 0.5f || e == 2.5f || e == -0.5f ? 2 : -2.f, -inf};
    const std::vector<float> got = items<float>(run1("Pow", 7, {vec<float>(xs), scalar(e)}));
    const std::vector<double> wide = items<double>(
        run1("Pow", 7, {numbers(DType::kDouble, {8}, std::vector<double>(xs.begin(), xs.end())), scalar<double>(e)}));
    for (size_t i = 0; i < xs.size(); ++i) {
      const double want = std::pow(static_cast<double>(xs[i]), static_cast<double>(e));
      if (std::isinf(want)) {
        EXPECT_EQ(std::fabs(got[i]), inf) << xs[i] << "^" << e;
        EXPECT_EQ(wide[i], want) << xs[i] << "^" << e;
      } else {
        EXPECT_NEAR(got[i], want, 1e-6 * std::fabs(want)) << xs[i] << "^" << e;
        EXPECT_NEAR(wide[i], want, 1e-14 * std::fabs(want)) << xs[i] << "^" << e;
      }
    }
  }
}

TEST(Variadic, ManyOperands) {
  const Value a = vec<float>({1, 5, 3}), b = vec<float>({2, 4, 9}), c = tensor<float>({2, 1}, {3, 0});
  EXPECT_EQ(items<float>(run1("Max", 8, {a, b, c})), (std::vector<float>{3, 5, 9, 2, 5, 9}));
  EXPECT_EQ(items<float>(run1("Min", 8, {a, b, c})), (std::vector<float>{1, 3, 3, 0, 0, 0}));
  EXPECT_EQ(items<float>(run1("Sum", 8, {a, b, c})), (std::vector<float>{6, 12, 15, 3, 9, 12}));
  EXPECT_EQ(items<float>(run1("Mean", 13, {a, b, c})), (std::vector<float>{2, 4, 5, 1, 3, 4}));
  EXPECT_EQ(items<float>(run1("Sum", 6, {a, b, a})), (std::vector<float>{4, 14, 15}));
  EXPECT_EQ(items<float>(run1("Mean", 1, {a})), (std::vector<float>{1, 5, 3}));
  EXPECT_EQ(items<uint8_t>(run1("Max", 12, {vec<uint8_t>({1, 200}), vec<uint8_t>({100})})),
            (std::vector<uint8_t>{100, 200}));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const char* op : {"Max", "Min"})
    for (bool wide : {false, true}) {
      const DType t = wide ? DType::kDouble : DType::kFloat;
      for (double v : as_doubles(run1(op, 13, {numbers(t, {2}, {nan, 1}), numbers(t, {2}, {1, nan})})))
        EXPECT_TRUE(std::isnan(v)) << op;
    }
  EXPECT_EQ(as_doubles(run1("Mean", 13, {numbers(DType::kBFloat16, {1}, {1}), numbers(DType::kBFloat16, {1}, {4})}))[0],
            2.5);
}

TEST(PRelu, SlopeOfEveryVersion) {
  const Value x = tensor<float>({1, 2, 2}, {-1, 2, -3, -4});
  EXPECT_EQ(items<float>(run1("PRelu", 6, {x, vec<float>({10, 100})})), (std::vector<float>{-10, 2, -300, -400}));
  EXPECT_EQ(items<float>(run1("PRelu", 1, {x, vec<float>({10})})), (std::vector<float>{-10, 2, -30, -40}));
  EXPECT_EQ(items<float>(run1("PRelu", 7, {x, vec<float>({10, 100})})), (std::vector<float>{-10, 2, -30, -400}));
  EXPECT_EQ(items<float>(run1("PRelu", 16, {x, tensor<float>({2, 1}, {10, 100})})),
            (std::vector<float>{-10, 2, -300, -400}));
  EXPECT_EQ(items<int32_t>(run1("PRelu", 9, {vec<int32_t>({-2, 3}), vec<int32_t>({5})})),
            (std::vector<int32_t>{-10, 3}));
  EXPECT_NE(error_of([&] { run1("PRelu", 16, {vec<float>({1}), vec<float>({1, 2})}); }), "");
  EXPECT_NE(error_of([&] { run1("PRelu", 6, {x, vec<float>({1, 2, 3})}); }).find("slope"), std::string::npos);
}

TEST(Bits, Operations) {
  const Value a = vec<int8_t>({0x0f, -1}), b = vec<int8_t>({0x3c, 1});
  EXPECT_EQ(items<int8_t>(run1("BitwiseAnd", 18, {a, b})), (std::vector<int8_t>{0x0c, 1}));
  EXPECT_EQ(items<int8_t>(run1("BitwiseOr", 18, {a, b})), (std::vector<int8_t>{0x3f, -1}));
  EXPECT_EQ(items<int8_t>(run1("BitwiseXor", 18, {a, b})), (std::vector<int8_t>{0x33, -2}));
  const graph::Attrs left{{"direction", std::string("LEFT")}}, right{{"direction", std::string("RIGHT")}};
  EXPECT_EQ(items<uint8_t>(run1("BitShift", 11, {vec<uint8_t>({1, 255, 3}), vec<uint8_t>({7, 4, 8})}, left)),
            (std::vector<uint8_t>{128, 240, 0}));
  EXPECT_EQ(items<int16_t>(run1("BitShift", 28, {vec<int16_t>({-8, -8, 8, -8}), vec<int16_t>({1, 99, 99, -1})}, right)),
            (std::vector<int16_t>{-4, -1, 0, -1}));
  EXPECT_EQ(items<int64_t>(run1("BitShift", 28, {vec<int64_t>({1, 1}), vec<int64_t>({63, 64})}, left)),
            (std::vector<int64_t>{std::numeric_limits<int64_t>::min(), 0}));
  EXPECT_NE(error_of([&] { run1("BitShift", 11, {a, b}, left); }), "");
  const Value u = vec<uint8_t>({1});
  EXPECT_NE(error_of([&] {
              run1("BitShift", 11, {u, u}, {{"direction", std::string("UP")}});
            }).find("LEFT"),
            std::string::npos);
}

}  // namespace
}  // namespace tenon::ops::map_test
