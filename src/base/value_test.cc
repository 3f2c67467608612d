// Handles share, release once, and refuse impossible sizes; element types convert exactly.
#include "tenon/value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/dtype.h"
#include "base/shape.h"
#include "base/value_data.h"

namespace tenon::base::value_test {
namespace {

TEST(Value, SharesAndReleasesOnce) {
  int released = 0;
  float data[2] = {1, 2};
  {
    Value a = Value::borrow(DType::kFloat, Dims{2}, data, [&] { ++released; });
    Value b = a, c = std::move(a);
    EXPECT_FALSE(a);  // NOLINT: moved-from on purpose
    EXPECT_EQ(b.use_count(), 2);
    EXPECT_EQ(b.data(), data);
    Value view = c.reshaped(Dims{1, 2});
    b = {};
    c = {};
    EXPECT_EQ(released, 0);
    EXPECT_EQ(view.dims()[1], 2);
  }
  EXPECT_EQ(released, 1);
}

TEST(Value, RefusesImpossibleShapes) {
  EXPECT_THROW(Value::tensor(DType::kFloat, Dims{-1}), Error);
  EXPECT_THROW(Value::tensor(DType::kFloat, Dims{int64_t{1} << 40, int64_t{1} << 40}), Error);
  EXPECT_THROW(Value::tensor(DType::kUndefined, Dims{1}), Error);
  EXPECT_THROW(Value::tensor(DType::kFloat, Dims{2}).reshaped(Dims{3}), Error);
  EXPECT_THROW(Value::strings(Dims{2}, {"one"}), Error);
  EXPECT_EQ(Value::tensor(DType::kFloat, Dims{0, int64_t{1} << 62}).bytes(), 0u);
}

TEST(Value, PackedTypesRoundUp) {
  EXPECT_EQ(Value::tensor(DType::kInt4, Dims{3}).bytes(), 2u);
  EXPECT_EQ(Value::tensor(DType::kUint2, Dims{5}).bytes(), 2u);
  EXPECT_EQ(Value::tensor(DType::kComplex128, Dims{}).bytes(), 16u);
}

TEST(Value, StringsAreCopiedDeep) {
  Value a = Value::strings(Dims{2}, {"short", std::string(100, 'x')});
  Value b = copy_tensor(a);
  a.as_mutable<std::string>()[0] = "changed";
  EXPECT_EQ(b.string_data()[0], "short");
  EXPECT_EQ(b.string_data()[1].size(), 100u);
}

TEST(DType, HalfRoundTripsEveryBitPattern) {
  for (uint32_t i = 0; i < 65536; ++i) {
    const Half h{static_cast<uint16_t>(i)};
    const float f = to_float(h);
    if (std::isnan(f))
      EXPECT_TRUE(std::isnan(to_float(to_half(f))));
    else
      ASSERT_EQ(to_half(f).bits, h.bits) << i;
  }
}

TEST(DType, RoundsToNearestEven) {
  EXPECT_EQ(to_half(2049.f).bits, to_half(2048.f).bits);  // a tie goes to the even mantissa
  EXPECT_EQ(to_half(2051.f).bits, to_half(2052.f).bits);
  EXPECT_EQ(to_half(65519.f).bits, 0x7bff);
  EXPECT_EQ(to_half(65520.f).bits, 0x7c00);
  EXPECT_EQ(to_half(0x1p-25f).bits, 0);
  EXPECT_EQ(to_half(std::nextafter(0x1p-25f, 1.f)).bits, 1);
  EXPECT_EQ(to_half(-0.f).bits, 0x8000);
  EXPECT_EQ(to_bfloat16(std::bit_cast<float>(0x3f808000u)).bits, 0x3f80);
  EXPECT_EQ(to_bfloat16(std::bit_cast<float>(0x3f818000u)).bits, 0x3f82);
  EXPECT_TRUE(std::isnan(to_float(to_bfloat16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(Shape, BroadcastNamesBothShapes) {
  EXPECT_EQ(broadcast(Dims{3, 1}, Dims{4}), (Dims{3, 4}));
  EXPECT_EQ(broadcast(Dims{0}, Dims{1}), (Dims{0}));
  try {
    broadcast(Dims{2, 3}, Dims{4});
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "shapes [2,3] and [4] do not broadcast");
  }
  EXPECT_EQ(resolve_axis(-1, 3), 2);
  EXPECT_THROW(resolve_axis(3, 3), Error);
  EXPECT_THROW(resolve_axis(-4, 3), Error);
}

TEST(Shape, DimsGrowPastTheirInlineStorage) {
  Dims d;
  for (int64_t i = 0; i < 20; ++i) d.push_back(i);
  Dims moved = std::move(d);
  moved.insert(0, 99);
  moved.erase(1);
  EXPECT_EQ(moved.size(), 20u);
  EXPECT_EQ(moved[0], 99);
  EXPECT_EQ(moved[19], 19);
}

}  // namespace
}  // namespace tenon::base::value_test
