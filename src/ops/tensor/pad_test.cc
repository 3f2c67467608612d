// Pad: every mode against an index loop, negative pads, axes, types, old forms and errors.
#include <gtest/gtest.h>

#include "ops/move.h"
#include "support/op_runner.h"
#include "support/raw_elements.h"

namespace tenon::ops::pad {
namespace {

using namespace tenon::test;
using Shape = std::vector<int64_t>;
using Words = std::vector<uint64_t>;

Value padded(const Value& x, Shape pads, const char* mode, Value fill = {}, Value axes = {}) {
  return run1("Pad", 25, {x, vec<int64_t>(pads), std::move(fill), std::move(axes)}, {{"mode", std::string(mode)}});
}

TEST(Pad, OneAxis) {
  struct {
    const char* mode;
    Shape pads;
    Words out;
  } cases[] = {
      {"constant", {2, 1}, {9, 9, 0, 1, 2, 9}},
      {"edge", {2, 1}, {0, 0, 0, 1, 2, 2}},
      {"reflect", {2, 2}, {2, 1, 0, 1, 2, 1, 0}},
      {"wrap", {2, 4}, {1, 2, 0, 1, 2, 0, 1, 2, 0}},
      {"constant", {-1, 2}, {1, 2, 9, 9}},
      {"edge", {-2, 1}, {2, 2}},
      {"constant", {1, -2}, {9, 0}},
      {"constant", {-2, -1}, {}},
      {"reflect", {5, 0}, {1, 0, 1, 2, 1, 0, 1, 2}},
      {"constant", {-4, 3}, {9, 9}},
      {"wrap", {-1, 0}, {1, 2}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.mode) + to_string(c.pads));
    for (DType t : {DType::kFloat, DType::kString, DType::kUint8, DType::kComplex128})
      EXPECT_EQ(raw_words(padded(counting_tensor(t, {3}), c.pads, c.mode, counting_tensor(t, {}, 9))), c.out);
  }
}

/// Source index of a padded axis, by walking: -1 = the constant.
int64_t walk(const std::string& mode, int64_t i, int64_t n) {
  int64_t at = 0, step = i < 0 ? -1 : 1;
  for (int64_t k = 0; k < std::abs(i); ++k) {
    at += step;
    if (at >= 0 && at < n) continue;
    if (mode == "constant") return -1;
    if (mode == "edge") at -= step;
    if (mode == "wrap") at = step > 0 ? 0 : n - 1;
    if (mode == "reflect") {
      at -= 2 * step;
      step = -step;
      if (n == 1) at = 0;
    }
  }
  return at;
}

TEST(Pad, Matrices) {
  const int64_t rows = 3, columns = 4;
  for (const std::string mode : {"constant", "edge", "reflect", "wrap"}) {
    for (const Shape& p : {Shape{1, 2, 0, 3}, Shape{0, 0, 2, 0}, Shape{2, 1, 2, 1}, Shape{-1, 1, 1, -2}}) {
      SCOPED_TRACE(mode + to_string(p));
      const Value y =
          padded(counting_tensor(DType::kInt16, {rows, columns}), p, mode.c_str(), tensor<int16_t>({}, {99}));
      const int64_t h = rows + p[0] + p[2], w = columns + p[1] + p[3];
      ASSERT_EQ(dims_of(y), (Shape{h, w}));
      Words expected;
      for (int64_t i = 0; i < h; ++i)
        for (int64_t j = 0; j < w; ++j) {
          const int64_t r = walk(mode, i - p[0], rows), c = walk(mode, j - p[1], columns);
          expected.push_back(r < 0 || c < 0 ? 99 : static_cast<uint64_t>(r * columns + c));
        }
      EXPECT_EQ(raw_words(y), expected);
    }
  }
}

TEST(Pad, AllTypesDefaultToZero) {
  for_each_type(kIr13Set, [&](DType t) {
    SCOPED_TRACE(dtype_name(t));
    const Value y = padded(counting_tensor(t, {1, 2}, 1), {0, 1, 1, 0}, "constant");
    EXPECT_EQ(dims_of(y), (Shape{2, 3}));
    EXPECT_EQ(raw_words(y), truncated(t, {0, 1, 2, 0, 0, 0}));
  });
}

TEST(Pad, AxesAndOldForms) {
  const Value x = counting_tensor(DType::kInt32, {2, 2});
  EXPECT_EQ(raw_words(padded(x, {1, 0}, "constant", {}, vec<int64_t>({-1}))), (Words{0, 0, 1, 0, 2, 3}));
  EXPECT_EQ(dims_of(padded(x, {0, 2, 1, 1}, "edge", {}, vec<int32_t>({1, 0}))), (Shape{5, 3}));
  const Value f = vec<float>({1, 2});
  EXPECT_EQ(items<float>(run1("Pad", 1, {f}, {{"paddings", Shape{1, 0}}, {"value", 2.5F}})),
            (std::vector<float>{2.5F, 1, 2}));
  EXPECT_EQ(items<float>(run1("Pad", 2, {f}, {{"pads", Shape{0, 1}}, {"mode", std::string("edge")}})),
            (std::vector<float>{1, 2, 2}));
  EXPECT_EQ(as_doubles(run1("Pad", 2, {numbers(DType::kFloat16, {1}, {3})}, {{"pads", Shape{1, 0}}, {"value", 2.5F}})),
            (std::vector<double>{2.5, 3}));
  EXPECT_EQ(as_doubles(run1("Pad", 2, {numbers(DType::kDouble, {1}, {3})}, {{"pads", Shape{1, 0}}, {"value", 2.5F}})),
            (std::vector<double>{2.5, 3}));
  EXPECT_EQ(items<float>(padded(scalar<float>(4), {}, "constant")), (std::vector<float>{4}));
}

TEST(Pad, Errors) {
  const Value x = counting_tensor(DType::kFloat, {2, 2});
  EXPECT_NE(error_of([&] { padded(x, {1, 1}, "constant"); }), "");
  EXPECT_NE(error_of([&] { padded(x, {0, 0, 0, 0}, "mirror"); }), "");
  EXPECT_NE(error_of([&] { padded(x, {-2, 0, -1, 0}, "constant"); }).find("cropped"), std::string::npos);
  EXPECT_NE(error_of([&] {
              padded(x, {1, 1, 1, 1}, "constant", {}, vec<int64_t>({0, -2}));
            }).find("twice"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              padded(x, {int64_t{1} << 61, 0, 0, 0}, "constant");
            }).find("tensor_elements"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              padded(counting_tensor(DType::kFloat, {0}), {1, 1}, "edge");
            }).find("empty"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              run1("Pad", 18, {x, vec<int64_t>({0, 0, 0, 0})}, {{"mode", std::string("wrap")}});
            }).find("opset 19"),
            std::string::npos);
}

}  // namespace
}  // namespace tenon::ops::pad
