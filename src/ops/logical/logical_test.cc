// Logic, comparisons, Where, IsNaN, IsInf: every version and type, and the integers that inference derives.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <cstring>
#include <limits>

#include "ops/infer.h"
#include "support/op_runner.h"

namespace tenon::ops::logical_test {
namespace {

using namespace tenon::test;

Value bools(std::vector<int64_t> dims, const std::vector<double>& v) {
  return numbers(DType::kBool, std::move(dims), v);
}
constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();
using Doubles = std::vector<double>;

TEST(Logic, TruthTables) {
  const Value a = bools({2, 2}, {0, 0, 1, 1}), b = bools({2, 2}, {0, 1, 0, 1}), row = bools({2}, {0, 1});
  for (int version : {1, 7}) {
    EXPECT_EQ(as_doubles(run1("And", version, {a, b})), (Doubles{0, 0, 0, 1}));
    EXPECT_EQ(as_doubles(run1("Or", version, {a, b})), (Doubles{0, 1, 1, 1}));
    EXPECT_EQ(as_doubles(run1("Xor", version, {a, b})), (Doubles{0, 1, 1, 0}));
  }
  EXPECT_EQ(as_doubles(run1("Not", 1, {a})), (Doubles{1, 1, 0, 0}));
  EXPECT_EQ(as_doubles(run1("And", 7, {a, row})), (Doubles{0, 0, 0, 1}));
  EXPECT_EQ(as_doubles(run1("Or", 1, {a, row}, {{"broadcast", int64_t{1}}, {"axis", int64_t{0}}})),
            (Doubles{0, 0, 1, 1}));
  EXPECT_NE(error_of([&] { run1("And", 7, {a, vec<int32_t>({1})}); }), "");
  // Bytes other than 0 and 1 are true.
  const uint8_t odd[] = {2, 1};
  Value strange = bools({2}, {0, 0});
  std::memcpy(strange.mutable_data(), odd, 2);
  EXPECT_EQ(as_doubles(run1("And", 7, {strange, bools({2}, {1, 1})}, {}, {.check_variants = false})), (Doubles{1, 1}));
}

TEST(Compare, EveryTypeAndOperator) {
  const Doubles x = {1, 2, 3, 2}, y = {2, 2, 1, 2};
  struct Case {
    const char* op;
    std::vector<int> versions;
    Doubles want;
  };
  const Case cases[] = {{"Equal", {11, 13, 19}, {0, 1, 0, 1}},
                        {"Greater", {9, 13}, {0, 0, 1, 0}},
                        {"Less", {9, 13}, {1, 0, 0, 0}},
                        {"GreaterOrEqual", {12, 16}, {0, 1, 1, 1}},
                        {"LessOrEqual", {12, 16}, {1, 1, 0, 1}}};
  for (const Case& c : cases)
    for (int version : c.versions)
      for (int t = 1; t < kNumDTypes; ++t) {
        const DType type = static_cast<DType>(t);
        if (!contains(kNumericSet, type) || (type == DType::kBFloat16 && version < 13)) continue;
        EXPECT_EQ(as_doubles(run1(c.op, version, {numbers(type, {4}, x), numbers(type, {4}, y)})), c.want)
            << c.op << version << dtype_name(type);
      }
  for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16})
    for (const Case& c : cases)
      EXPECT_EQ(as_doubles(run1(c.op, 19, {numbers(t, {1}, {kNan}), numbers(t, {1}, {kNan})})), Doubles{0});
  EXPECT_EQ(as_doubles(run1("Equal", 1, {vec<int32_t>({1, 2}), vec<int32_t>({1, 3})})), (Doubles{1, 0}));
  EXPECT_EQ(as_doubles(run1("Less", 1, {vec<float>({1, 2}), vec<float>({1, 3})})), (Doubles{0, 1}));
  EXPECT_EQ(as_doubles(run1("Equal", 7, {bools({2}, {1, 0}), bools({1}, {0})})), (Doubles{0, 1}));
  const Value s = Value::strings(Dims{2}, {"a", "b"}), one = Value::strings(Dims{}, {"b"});
  EXPECT_EQ(as_doubles(run1("Equal", 19, {s, one})), (Doubles{0, 1}));
  EXPECT_NE(error_of([&] { run1("Equal", 13, {s, one}); }), "");
  EXPECT_NE(error_of([&] {
              run1("Less", 13, {vec<float>({1, 2}), vec<float>({1, 2, 3})});
            }).find("[2]"),
            std::string::npos);
}

TEST(Where, MovesEveryType) {
  const Value c = bools({2, 1}, {1, 0});
  for (int t = 1; t < kNumDTypes; ++t) {
    const DType type = static_cast<DType>(t);
    if (!contains(kNumericSet | kBoolSet, type)) continue;
    const Value z = run1("Where", 16, {c, numbers(type, {3}, {1, 0, 1}), numbers(type, {}, {0})});
    EXPECT_EQ(as_doubles(z), (Doubles{1, 0, 1, 0, 0, 0})) << dtype_name(type);
  }
  const Value strings = run1("Where", 9, {c, Value::strings(Dims{2}, {"a", "b"}), Value::strings(Dims{1}, {"c"})});
  EXPECT_EQ(items<std::string>(strings), (std::vector<std::string>{"a", "b", "c", "c"}));
  using Complex = std::complex<double>;
  EXPECT_EQ(items<Complex>(run1("Where", 9, {c, scalar(Complex(1, 2)), scalar(Complex(3, 4))})),
            (std::vector<Complex>{{1, 2}, {3, 4}}));
  const Value x = numbers(DType::kFloat, {4, 1, 3}, random_numbers(12, -1, 1)),
              y = numbers(DType::kFloat, {5, 1}, random_numbers(5, -1, 1, 2)), m = bools({4, 5, 3}, Doubles(60, 0));
  const auto raw = m.as<bool>();
  Value mask = m;
  for (size_t i = 0; i < 60; ++i) mask.as_mutable<bool>()[i] = i % 7 < 3;
  const Value z = run1("Where", 16, {mask, x, y});
  for (size_t i = 0; i < 60; ++i)
    EXPECT_EQ(z.as<float>()[i], raw[i] ? x.as<float>()[i / 15 * 3 + i % 3] : y.as<float>()[i / 3 % 5]) << i;
  EXPECT_NE(error_of([&] { run1("Where", 9, {c, vec<float>({1}), vec<double>({1})}); }), "");
  EXPECT_NE(error_of([&] { run1("Where", 9, {bools({3}, {0, 0, 0}), vec<float>({1, 2}), vec<float>({1})}); }), "");
}

TEST(IsNaN, ByCode) {
  for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16})
    EXPECT_EQ(as_doubles(run1("IsNaN", 13, {numbers(t, {5}, {1, kNan, -kNan, kInf, -kInf})})),
              (Doubles{0, 1, 1, 0, 0}));
  for (DType t : {DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ}) {
    Value all = Value::tensor(t, Dims{256});
    for (int i = 0; i < 256; ++i) static_cast<uint8_t*>(all.mutable_data())[i] = static_cast<uint8_t>(i);
    const Doubles v = as_doubles(all), nan = as_doubles(run1("IsNaN", 20, {all})),
                  inf = as_doubles(run1("IsInf", 20, {all}));
    for (size_t i = 0; i < 256; ++i) {
      EXPECT_EQ(nan[i] != 0, std::isnan(v[i])) << dtype_name(t) << i;
      EXPECT_EQ(inf[i] != 0, std::isinf(v[i])) << dtype_name(t) << i;
    }
  }
}

TEST(IsInf, SignsAsked) {
  for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16}) {
    const Value x = numbers(t, {4}, {1, kNan, kInf, -kInf});
    EXPECT_EQ(as_doubles(run1("IsInf", 20, {x})), (Doubles{0, 0, 1, 1}));
    EXPECT_EQ(as_doubles(run1("IsInf", 20, {x}, {{"detect_negative", int64_t{0}}})), (Doubles{0, 0, 1, 0}));
    EXPECT_EQ(as_doubles(run1("IsInf", 20, {x}, {{"detect_positive", int64_t{0}}})), (Doubles{0, 0, 0, 1}));
  }
  EXPECT_NE(error_of([] { run1("IsInf", 10, {numbers(DType::kFloat16, {1}, {1})}); }), "");
}

// Derived integers: expected results as text of symbols, "" where nothing may be derived.
std::string derive(const char* op, int version, std::vector<std::vector<int64_t>> operands, Symbols& s,
                   DType type = DType::kInt64, graph::Attrs attrs = {}) {
  const OpDef* def = builtin_ops().find("", op, version);
  graph::Node node;
  node.op = op;
  node.since_version = def->since;
  node.def = def;
  node.attrs = std::move(attrs);
  node.outputs = {0};
  struct Host final : InferHost {
    std::vector<std::vector<int64_t>>* ints;
    Value contents(size_t) override { return Value(); }
    const std::vector<int64_t>* derived_ints(size_t i) override { return &(*ints)[i]; }
    bool infer_region(size_t, std::span<const ValueType>, std::vector<ValueType>*) override { return false; }
  } host;
  host.ints = &operands;
  std::vector<ValueType> types;
  std::vector<const ValueType*> inputs;
  for (size_t i = 0; i < operands.size(); ++i) {
    const bool flag = std::string(op) == "Where" ? i == 0 : type == DType::kBool;
    types.push_back(ValueType::tensor(flag ? DType::kBool : type, Dims{static_cast<int64_t>(operands[i].size())}));
  }
  for (const ValueType& t : types) inputs.push_back(&t);
  InferContext c(node, inputs, s, host);
  def->infer(c);
  return c.result_ints(0) ? s.to_string(*c.result_ints(0)) : "";
}

TEST(DerivedInts, ThroughArithmeticComparisonsAndWhere) {
  Symbols s;
  const int64_t n = s.named("n"), m = s.named("m"), n1 = s.add(n, 1);
  EXPECT_EQ(derive("Add", 14, {{n, 3}, {1}}, s), s.to_string(std::vector<int64_t>{n1, 4}));
  EXPECT_EQ(derive("Mul", 14, {{n}, {0}}, s), "[0]");
  EXPECT_EQ(derive("Div", 14, {{s.mul(n, 4), -7}, {2}}, s), s.to_string(std::vector<int64_t>{s.mul(n, 2), -3}));
  EXPECT_EQ(derive("Div", 14, {{n}, {0}}, s), "");
  EXPECT_EQ(derive("Mod", 13, {{-7, 7}, {3}}, s), "[2,1]");
  EXPECT_EQ(derive("Mod", 13, {{-7}, {3}}, s, DType::kInt64, {{"fmod", int64_t{1}}}), "");
  EXPECT_EQ(derive("Add", 14, {{100}, {100}}, s, DType::kInt8), "");
  EXPECT_EQ(derive("Sub", 14, {{1}, {2}}, s, DType::kUint32), "");
  EXPECT_EQ(derive("Neg", 13, {{5, -3}}, s), "[-5,3]");
  EXPECT_EQ(derive("Abs", 13, {{n, -3}}, s), s.to_string(std::vector<int64_t>{n, 3}));
  EXPECT_EQ(derive("Max", 13, {{1, 9}, {4}, {5}}, s), "[5,9]");
  EXPECT_EQ(derive("Equal", 19, {{n, 3, n1}, {n, 4, 0}}, s), "[1,0,0]");
  EXPECT_EQ(derive("Equal", 19, {{n}, {-1}}, s), "[0]");
  EXPECT_EQ(derive("Equal", 19, {{n}, {m}}, s), "");
  EXPECT_EQ(derive("Equal", 19, {{n}, {0}}, s), "");
  EXPECT_EQ(derive("Less", 13, {{n, n}, {n1, 0}}, s), "[1,0]");
  EXPECT_EQ(derive("Less", 13, {{n}, {5}}, s), "");
  EXPECT_EQ(derive("GreaterOrEqual", 16, {{n, n1}, {0, n}}, s), "[1,1]");
  EXPECT_EQ(derive("Greater", 13, {{n}, {0}}, s), "");
  EXPECT_EQ(derive("And", 7, {{1, 0}, {1, 1}}, s, DType::kBool), "[1,0]");
  EXPECT_EQ(derive("Not", 1, {{1, 0}}, s, DType::kBool), "[0,1]");
  EXPECT_EQ(derive("Where", 16, {{1, 0}, {n, n}, {m, 7}}, s), s.to_string(std::vector<int64_t>{n, 7}));
}

}  // namespace
}  // namespace tenon::ops::logical_test
