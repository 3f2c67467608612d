// Resize and Upsample against the definition: every output value from its coordinates in the input.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/op_runner.h"

namespace tenon::test::resize_test {
namespace {

using graph::Attrs;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;
using Floats = std::vector<float>;
size_t at(int64_t i) { return static_cast<size_t>(i); }

struct Case {
  const char* mode = "linear";
  const char* coordinates = "half_pixel";
  const char* nearest = "round_prefer_floor";
  double a = -0.75;
  bool exclude = false, antialias = false;
};

double source(const std::string& how, double x, double in, double out) {
  const double scale = out / in;
  if (how == "half_pixel") return (x + 0.5) / scale - 0.5;
  if (how == "pytorch_half_pixel") return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
  if (how == "align_corners") return out == 1 ? 0 : x * (in - 1) / (out - 1);
  if (how == "asymmetric") return x * in / out;
  return (x + 0.5) * in / out;  // tf_half_pixel_for_nn
}

double cubic(double d, double a) {
  d = std::abs(d);
  if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
  return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

/// Weights of all input positions for output position j of one axis; edge values repeat outside.
Doubles weights(const Case& t, int64_t j, int64_t in, int64_t out) {
  Doubles w(at(in), 0);
  if (in == out) return w[at(j)] = 1, w;  // an axis that keeps its extent is left alone
  const double x = source(t.coordinates, static_cast<double>(j), static_cast<double>(in), static_cast<double>(out));
  const std::string mode = t.mode, nearest = t.nearest;
  if (mode == "nearest") {
    double p = nearest == "floor"                ? std::floor(x)
               : nearest == "ceil"               ? std::ceil(x)
               : nearest == "round_prefer_floor" ? std::ceil(x - 0.5)
                                                 : std::floor(x + 0.5);
    p = std::clamp(p, 0.0, static_cast<double>(in - 1));
    w[at(static_cast<int64_t>(p))] = 1;
    return w;
  }
  const double shrink = t.antialias ? std::min(1.0, static_cast<double>(out) / static_cast<double>(in)) : 1;
  double sum = 0;
  for (int64_t i = -40; i < in + 40; ++i) {
    const double d = (static_cast<double>(i) - x) * shrink;
    double v = mode == "linear" ? std::max(0.0, 1 - std::abs(d)) : cubic(d, t.a);
    if (t.exclude && (i < 0 || i >= in)) v = 0;
    w[at(std::clamp<int64_t>(i, 0, in - 1))] += v;
    sum += v;
  }
  for (double& v : w) v /= sum;
  return w;
}

/// X [2, in...] resized to [2, out...] over the two last dims.
void check(const Case& t, Ints in, Ints out, DType type) {
  const Doubles x = [&] {
    Doubles v = random_numbers(at(2 * in[0] * in[1]), 0, 100, 1);
    for (double& e : v) e = std::floor(e);
    return v;
  }();
  Doubles want;
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t i = 0; i < out[0]; ++i)
      for (int64_t j = 0; j < out[1]; ++j) {
        const Doubles a = weights(t, i, in[0], out[0]), b = weights(t, j, in[1], out[1]);
        double sum = 0;
        for (int64_t p = 0; p < in[0]; ++p)
          for (int64_t q = 0; q < in[1]; ++q) sum += a[at(p)] * b[at(q)] * x[at((n * in[0] + p) * in[1] + q)];
        want.push_back(sum);
      }
  Attrs attrs{{"mode", std::string(t.mode)},
              {"coordinate_transformation_mode", std::string(t.coordinates)},
              {"nearest_mode", std::string(t.nearest)},
              {"cubic_coeff_a", static_cast<float>(t.a)},
              {"exclude_outside", static_cast<int64_t>(t.exclude)},
              {"antialias", static_cast<int64_t>(t.antialias)},
              {"axes", Ints{1, 2}}};
  const Value y = run1("Resize", 19, {numbers(type, {2, in[0], in[1]}, x), Value(), Value(), vec<int64_t>(out)}, attrs);
  ASSERT_EQ(dims_of(y), (Ints{2, out[0], out[1]}));
  const Doubles got = as_doubles(y);
  const double bound = type == DType::kFloat     ? 1e-4
                       : type == DType::kDouble  ? 1e-10
                       : type == DType::kFloat16 ? 0.1
                                                 : 0.501;
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_NEAR(got[i], std::string(t.mode) == "nearest" || is_float(type) ? want[i] : std::clamp(want[i], 0.0, 255.0),
                bound)
        << t.mode << " " << t.coordinates << " " << to_string(in) << " to " << to_string(out) << " at " << i << " "
        << dtype_name(type);
}

TEST(Resize, EveryMode) {
  const Ints shapes[][2] = {{{4, 5}, {8, 10}}, {{4, 5}, {7, 3}}, {{6, 7}, {3, 5}},
                            {{3, 3}, {1, 9}},  {{5, 4}, {5, 6}}, {{2, 1}, {5, 3}}};
  for (const auto& s : shapes)
    for (const char* how :
         {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn"}) {
      for (const char* nearest : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
        for (DType type : {DType::kFloat, DType::kUint8, DType::kDouble})
          check({.mode = "nearest", .coordinates = how, .nearest = nearest}, s[0], s[1], type);
      for (DType type : {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kUint8, DType::kInt32})
        check({.mode = "linear", .coordinates = how}, s[0], s[1], type);
      check({.mode = "cubic", .coordinates = how}, s[0], s[1], DType::kFloat);
      check({.mode = "cubic", .coordinates = how, .a = -0.5, .exclude = true}, s[0], s[1], DType::kFloat);
    }
  for (const auto& s : shapes) {
    check({.mode = "linear", .antialias = true}, s[0], s[1], DType::kFloat);
    check({.mode = "cubic", .antialias = true}, s[0], s[1], DType::kFloat);
    check({.mode = "linear", .exclude = true, .antialias = true}, s[0], s[1], DType::kFloat);
    check({.mode = "cubic"}, s[0], s[1], DType::kUint8);  // overshoot is clamped
  }
}

Value image(Ints dims) {
  Doubles v(at(element_count(dims)));
  for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<double>(i);
  return numbers(DType::kFloat, dims, v);
}

TEST(Resize, ScalesAndPolicies) {
  const Value x = image({1, 1, 4, 6});
  const auto dims = [&](Attrs attrs, Value scales, Value sizes) {
    return dims_of(run1("Resize", 18, {x, Value(), scales, sizes}, attrs));
  };
  EXPECT_EQ(dims({}, vec<float>({1, 1, 0.6f, 1.5f}), {}), (Ints{1, 1, 2, 9}));
  EXPECT_EQ(dims(Attrs{{"axes", Ints{3}}}, vec<float>({0.7f}), {}), (Ints{1, 1, 4, 4}));
  const auto policy = [](const char* p) {
    return Attrs{{"axes", Ints{2, 3}}, {"keep_aspect_ratio_policy", std::string(p)}};
  };
  EXPECT_EQ(dims(policy("stretch"), {}, vec<int64_t>({8, 9})), (Ints{1, 1, 8, 9}));
  EXPECT_EQ(dims(policy("not_larger"), {}, vec<int64_t>({8, 9})), (Ints{1, 1, 6, 9}));
  EXPECT_EQ(dims(policy("not_smaller"), {}, vec<int64_t>({8, 9})), (Ints{1, 1, 8, 12}));
  // An empty tensor counts as a missing operand (opset 11 requires roi and scales).
  const Value none = tensor<float>({0}, {});
  EXPECT_EQ(dims_of(run1("Resize", 11, {x, none, none, vec<int64_t>({1, 1, 2, 2})})), (Ints{1, 1, 2, 2}));
  EXPECT_EQ(dims_of(run1("Resize", 11, {x, none, vec<float>({1, 1, 2, 2})})), (Ints{1, 1, 8, 12}));
}

TEST(Resize, CropAndExtrapolation) {
  const Value x = image({1, 5}), roi = vec<float>({0, 0.5f, 1, 1.5f});
  const Attrs attrs{{"coordinate_transformation_mode", std::string("tf_crop_and_resize")},
                    {"extrapolation_value", 9.f}};
  Attrs linear = attrs;
  linear.set("mode", std::string("linear"));
  // The second half of the axis and as much beyond it: positions 2, 3, 4, 5, 6.
  EXPECT_EQ(items<float>(run1("Resize", 13, {x, roi, Value(), vec<int64_t>({1, 5})}, linear)), (Floats{2, 3, 4, 9, 9}));
  EXPECT_EQ(items<float>(run1("Resize", 13, {x, roi, Value(), vec<int64_t>({1, 5})}, attrs)), (Floats{2, 3, 4, 9, 9}));
  EXPECT_NE(error_of([&] {
              run1("Resize", 13, {x, Value(), Value(), vec<int64_t>({1, 5})}, attrs);
            }).find("roi"),
            std::string::npos);
}

TEST(Resize, StringsAndBool) {
  const std::vector<int64_t> dims{3};
  const Value s = Value::strings(dims, {"a", "b", "c"});
  EXPECT_EQ(items<std::string>(run1("Resize", 11, {s, tensor<float>({0}, {}), vec<float>({2})})),
            (std::vector<std::string>{"a", "a", "b", "b", "c", "c"}));
  EXPECT_EQ(as_doubles(run1("Resize", 13, {numbers(DType::kBool, {2}, {0, 1}), Value(), vec<float>({2})})),
            (Doubles{0, 0, 1, 1}));
}

TEST(Resize, Version10AndUpsample) {
  const Value x = image({1, 1, 2, 4});
  // Shrinking axes take the next position upwards.
  EXPECT_EQ(items<float>(run1("Resize", 10, {x, vec<float>({1, 1, 0.6f, 0.6f})})), (Floats{0, 2}));
  const Floats twice{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7};
  EXPECT_EQ(items<float>(run1("Resize", 10, {x, vec<float>({1, 1, 1, 2})})), twice);
  EXPECT_EQ(items<float>(run1("Upsample", 9, {x, vec<float>({1, 1, 1, 2})})), twice);
  EXPECT_EQ(items<float>(run1("Upsample", 7, {x}, Attrs{{"scales", Floats{1, 1, 1, 2}}})), twice);
  EXPECT_EQ(items<float>(run1("Upsample", 1, {x}, Attrs{{"height_scale", 1.f}, {"width_scale", 2.f}})), twice);
  EXPECT_EQ(
      items<float>(run1("Upsample", 7, {x}, Attrs{{"scales", Floats{1, 1, 1, 2}}, {"mode", std::string("linear")}})),
      (Floats{0, 0.5, 1, 1.5, 2, 2.5, 3, 3, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7}));
  EXPECT_NE(error_of([&] {
              run1("Upsample", 9, {x, vec<float>({1, 1, 1, 0.5f})});
            }).find("scales[3]"),
            std::string::npos);
}

TEST(Resize, Rejects) {
  const Value x = image({1, 1, 2, 4});
  const auto error = [&](Value scales, Value sizes, Attrs a = {}) {
    return error_of([&] { run1("Resize", 18, {x, Value(), scales, sizes}, a); });
  };
  EXPECT_NE(error({}, {}).find("neither scales nor sizes"), std::string::npos);
  EXPECT_NE(error(vec<float>({1, 1}), {}).find("entries"), std::string::npos);
  EXPECT_NE(error(vec<float>({1, 1, 0, 1}), {}).find("scales[2]"), std::string::npos);
  EXPECT_NE(error({}, vec<int64_t>({1, 1, -1, 1})).find("sizes[2]"), std::string::npos);
  EXPECT_NE(error(vec<float>({1}), {}, Attrs{{"axes", Ints{4}}}).find("axis 4"), std::string::npos);
  EXPECT_NE(error(vec<float>({1, 1, 2, 2}), {}, Attrs{{"mode", std::string("bilinar")}}).find("bilinar"),
            std::string::npos);
}

}  // namespace
}  // namespace tenon::test::resize_test
