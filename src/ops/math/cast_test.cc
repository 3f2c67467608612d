// Cast and CastLike: all pairs of types, special values, strings.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ops/convert.h"
#include "support/op_runner.h"

namespace tenon::ops::cast_test {
namespace {

using namespace tenon::test;
using Doubles = std::vector<double>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

graph::Attrs to(DType t) { return {{"to", static_cast<int64_t>(t)}}; }
Value cast(const Value& x, DType t, int version = 28) { return run1("Cast", version, {x}, to(t)); }
constexpr DTypeSet kNumbers = kAllSet & ~kComplexSet & ~kStringSet;

TEST(Cast, SmallIntegersSurviveEveryPair) {
  for (int f = 1; f < kNumDTypes; ++f)
    for (int t = 1; t < kNumDTypes; ++t) {
      const auto from = static_cast<DType>(f), target = static_cast<DType>(t);
      if (!contains(kNumbers, from) || !contains(kNumbers, target)) continue;
      // 1 is a value of all types, 0 of all but float8e8m0. 301 elements: more than a tile, no whole byte.
      const bool zero = from != DType::kFloat8E8M0 && target != DType::kFloat8E8M0;
      Doubles v(301, 1);
      if (zero)
        for (size_t i = 0; i < v.size(); i += 3) v[i] = 0;
      const Value x = cast(numbers(DType::kFloat, {7, 43}, v), from);
      EXPECT_EQ(as_doubles(x), v) << "float to " << dtype_name(from);
      const Value y = cast(x, target);
      EXPECT_EQ(y.dtype(), target);
      EXPECT_EQ(dims_of(y), (std::vector<int64_t>{7, 43}));
      EXPECT_EQ(as_doubles(y), v) << dtype_name(from) << " to " << dtype_name(target);
      const Value like = run1("CastLike", 25, {numbers(DType::kInt32, {1}, {1}), numbers(DType::kBool, {1}, {0})});
      EXPECT_EQ(like.dtype(), DType::kBool);
    }
}

TEST(Cast, FloatsToIntegersTruncateAndNeverTrap) {
  const Value x = vec<float>({1.9f, -1.9f, 300.7f, -129, 3e9f});
  EXPECT_EQ(items<int32_t>(cast(x, DType::kInt32)), (std::vector<int32_t>{1, -1, 300, -129, INT32_MIN}));
  EXPECT_EQ(items<int64_t>(cast(x, DType::kInt64)), (std::vector<int64_t>{1, -1, 300, -129, 3000000000}));
  EXPECT_EQ(items<uint8_t>(cast(x, DType::kUint8)), (std::vector<uint8_t>{1, 255, 44, 127, 0}));
  const Value odd = vec<double>({kNan, kInf, -kInf, 1e300, -0.5});
  for (DType t : {DType::kInt8, DType::kUint16, DType::kInt32, DType::kInt64, DType::kUint64, DType::kInt4})
    EXPECT_EQ(cast(odd, t).count(), 5);
  EXPECT_EQ(items<int64_t>(cast(odd, DType::kInt64))[4], 0);
  EXPECT_EQ(items<uint64_t>(cast(vec<double>({1e19}), DType::kUint64))[0], 10000000000000000000u);
  EXPECT_EQ(as_doubles(cast(odd, DType::kBool)), (Doubles{1, 1, 1, 1, 1}));
}

TEST(Cast, IntegersWrap) {
  EXPECT_EQ(items<int8_t>(cast(vec<int16_t>({200, -129}), DType::kInt8)), (std::vector<int8_t>{-56, 127}));
  EXPECT_EQ(items<uint64_t>(cast(vec<int64_t>({-1}), DType::kUint64))[0], UINT64_MAX);
  EXPECT_EQ(items<float>(cast(vec<uint64_t>({UINT64_MAX}), DType::kFloat))[0], 18446744073709551616.f);
  EXPECT_EQ(as_doubles(cast(vec<float>({-9, -8, 7, 8, 15, 16}), DType::kInt4)), (Doubles{7, -8, 7, -8, -1, 0}));
  EXPECT_EQ(as_doubles(cast(vec<float>({-9, -8, 7, 8, 15, 16}), DType::kUint4)), (Doubles{7, 8, 7, 8, 15, 0}));
  EXPECT_EQ(as_doubles(cast(vec<float>({-3, -2, -1, 0, 1, 2, 3}), DType::kInt2)), (Doubles{1, -2, -1, 0, 1, -2, -1}));
}

TEST(Cast, DoubleRoundsOnce) {
  // Just above the middle of two float16 values; rounding to float first would land on the tie.
  const double above = 1 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(as_doubles(cast(vec<double>({above, 1 + 0x1p-11, -above}), DType::kFloat16)),
            (Doubles{1 + 0x1p-10, 1, -1 - 0x1p-10}));
  EXPECT_EQ(as_doubles(cast(vec<double>({1 + 0x1p-8 + 0x1p-40, 1 + 0x1p-8}), DType::kBFloat16)),
            (Doubles{1 + 0x1p-7, 1}));
  EXPECT_EQ(as_doubles(cast(vec<double>({1e6, -1e300, kNan}), DType::kFloat16))[1], -kInf);
}

TEST(Cast, SmallFloatsDecodeAndEncodeEveryCode) {
  for (int t = 1; t < kNumDTypes; ++t) {
    const auto type = static_cast<DType>(t);
    if (!contains(kSmallFloatSet, type) || is_packed(type)) continue;
    const int codes = type == DType::kFloat6E2M3 || type == DType::kFloat6E3M2 ? 64 : 256;
    Value all = Value::tensor(type, Dims{codes});
    for (int i = 0; i < codes; ++i) static_cast<uint8_t*>(all.mutable_data())[i] = static_cast<uint8_t>(i);
    const Value f = cast(all, DType::kFloat);
    const Doubles want = as_doubles(all), got = as_doubles(f);
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_TRUE(want[i] == got[i] || (std::isnan(want[i]) && std::isnan(got[i]))) << dtype_name(type) << i;
    const Value back = run1("Cast", 28, {f}, {{"to", static_cast<int64_t>(type)}, {"saturate", int64_t{0}}});
    for (size_t i = 0; i < want.size(); ++i)
      if (!std::isnan(want[i]))
        EXPECT_EQ(static_cast<const uint8_t*>(back.data())[i], static_cast<uint8_t>(i)) << dtype_name(type);
      else
        EXPECT_TRUE(std::isnan(as_doubles(back)[i])) << dtype_name(type);
    // Between neighbours: the nearer one, and the even code in the middle.
    for (int i = 1; i + 1 < codes / 2 && type != DType::kFloat8E8M0; ++i) {
      const double a = want[static_cast<size_t>(i)], b = want[static_cast<size_t>(i) + 1];
      if (!std::isfinite(a) || !std::isfinite(b)) continue;
      const auto at = [&](double x) { return encode_small_float(type, static_cast<float>(x), true); };
      EXPECT_EQ(at((a + b) / 2), i % 2 ? i + 1 : i) << dtype_name(type);
      EXPECT_EQ(at(a + (b - a) * 0.51), i + 1);
      EXPECT_EQ(at(-(a + (b - a) * 0.49)) & (codes / 2 - 1), i);
    }
  }
}

TEST(Cast, SmallFloatsSaturateOrNot) {
  const Value x = vec<float>({1e6f, -1e6f, static_cast<float>(kInf), static_cast<float>(-kInf)});
  struct Case {
    DType type;
    double largest, beyond;
  };
  const Case cases[] = {{DType::kFloat8E4M3FN, 448, kNan}, {DType::kFloat8E4M3FNUZ, 240, kNan},
                        {DType::kFloat8E5M2, 57344, kInf}, {DType::kFloat8E5M2FNUZ, 57344, kNan},
                        {DType::kFloat4E2M1, 6, 6},        {DType::kFloat6E2M3, 7.5, 7.5},
                        {DType::kFloat6E3M2, 28, 28}};
  for (const Case& c : cases) {
    EXPECT_EQ(as_doubles(cast(x, c.type)), (Doubles{c.largest, -c.largest, c.largest, -c.largest}));
    const Doubles v =
        as_doubles(run1("Cast", 28, {x}, {{"to", static_cast<int64_t>(c.type)}, {"saturate", int64_t{0}}}));
    for (size_t i = 0; i < 4; ++i)
      if (std::isnan(c.beyond))
        EXPECT_TRUE(std::isnan(v[i])) << dtype_name(c.type);
      else
        EXPECT_EQ(v[i], i % 2 ? -c.beyond : c.beyond) << dtype_name(c.type);
  }
  EXPECT_TRUE(std::isnan(as_doubles(cast(vec<float>({static_cast<float>(kNan)}), DType::kFloat8E4M3FN))[0]));
  // No minus zero in the FNUZ types.
  EXPECT_EQ(*static_cast<const uint8_t*>(cast(vec<float>({-0.f}), DType::kFloat8E4M3FNUZ).data()), 0);
  EXPECT_EQ(*static_cast<const uint8_t*>(cast(vec<float>({-1e-9f}), DType::kFloat8E5M2FNUZ).data()), 0);
  EXPECT_EQ(*static_cast<const uint8_t*>(cast(vec<float>({-0.f}), DType::kFloat8E4M3FN).data()), 0x80);
}

TEST(Cast, ScalesRoundAsAsked) {
  const Value x = vec<float>({1, 1.2f, 1.5f, 1.7f, 3e38f});
  const auto with = [&](const char* mode, int64_t saturate) {
    return as_doubles(run1(
        "Cast", 24, {x},
        {{"to", static_cast<int64_t>(DType::kFloat8E8M0)}, {"round_mode", std::string(mode)}, {"saturate", saturate}}));
  };
  EXPECT_EQ(with("up", 1), (Doubles{1, 2, 2, 2, 0x1p127}));
  EXPECT_EQ(with("down", 1), (Doubles{1, 1, 1, 1, 0x1p127}));
  EXPECT_EQ(with("nearest", 1), (Doubles{1, 1, 2, 2, 0x1p127}));
  EXPECT_TRUE(std::isnan(with("up", 0)[4]));
  EXPECT_NE(error_of([&] { with("sideways", 1); }).find("round_mode"), std::string::npos);
}

TEST(Cast, Strings) {
  const Value s = Value::strings(Dims{6}, {"1.5", " 7 ", "+INF", "-inf", "NaN", "1E-5"});
  const Doubles d = as_doubles(cast(s, DType::kDouble));
  EXPECT_EQ(d[0], 1.5);
  EXPECT_EQ(d[1], 7);
  EXPECT_EQ(d[2], kInf);
  EXPECT_EQ(d[3], -kInf);
  EXPECT_TRUE(std::isnan(d[4]));
  EXPECT_EQ(d[5], 1e-5);
  EXPECT_EQ(items<int64_t>(cast(Value::strings(Dims{3}, {"9007199254740993", "100.5", "-3"}), DType::kInt64)),
            (std::vector<int64_t>{9007199254740993, 100, -3}));
  EXPECT_EQ(items<uint64_t>(cast(Value::strings(Dims{1}, {"18446744073709551615"}), DType::kUint64))[0], UINT64_MAX);
  for (const char* bad : {"", "Hello", "1.5x", "--1", "+-1"})
    for (DType t : {DType::kFloat, DType::kInt32})
      EXPECT_NE(error_of([&] { cast(Value::strings(Dims{1}, {bad}), t); }).find("cannot read"), std::string::npos)
          << bad;
  const Value f = vec<float>({1, 9, 0.1f, 1e-7f, 1e20f, 3.14159274f, static_cast<float>(kNan), static_cast<float>(kInf),
                              static_cast<float>(-kInf), -0.f});
  EXPECT_EQ(items<std::string>(cast(f, DType::kString)),
            (std::vector<std::string>{"1", "9", "0.1", "1e-07", "1e+20", "3.1415927", "NaN", "INF", "-INF", "-0"}));
  EXPECT_EQ(items<std::string>(cast(vec<double>({0.1, 2, 1.0 / 3}), DType::kString)),
            (std::vector<std::string>{"0.1", "2", "0.3333333333333333"}));
  EXPECT_EQ(items<std::string>(cast(vec<int8_t>({-3, 100}), DType::kString)), (std::vector<std::string>{"-3", "100"}));
  EXPECT_EQ(items<std::string>(cast(numbers(DType::kBool, {2}, {0, 1}), DType::kString)),
            (std::vector<std::string>{"0", "1"}));
  EXPECT_EQ(items<std::string>(cast(Value::strings(Dims{1}, {"x"}), DType::kString))[0], "x");
}

TEST(Cast, TargetsOfVersions) {
  const Value x = vec<float>({1});
  EXPECT_EQ(run1("Cast", 1, {x}, {{"to", std::string("INT64")}}).dtype(), DType::kInt64);
  EXPECT_NE(error_of([&] { run1("Cast", 1, {x}, {{"to", std::string("INT65")}}); }).find("to"), std::string::npos);
  EXPECT_NE(error_of([&] { cast(x, DType::kBFloat16, 9); }).find("bfloat16"), std::string::npos);
  EXPECT_NE(error_of([&] { cast(x, DType::kComplex64); }), "");
  EXPECT_NE(error_of([&] { run1("Cast", 13, {x}, {{"to", int64_t{999}}}); }), "");
  EXPECT_NE(error_of([&] { run1("Cast", 13, {x}); }).find("to"), std::string::npos);
  ThreadPool pool({.threads = 3});
  const Value big = numbers(DType::kFloat, {100001}, random_numbers(100001, -9, 9));
  const RunSettings threads{.pool = &pool, .check_variants = false};
  EXPECT_EQ(as_doubles(run1("Cast", 21, {big}, to(DType::kInt4), threads)), as_doubles(cast(big, DType::kInt4)));
}

}  // namespace
}  // namespace tenon::ops::cast_test
