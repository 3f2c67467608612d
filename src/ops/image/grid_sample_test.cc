// GridSample, AffineGrid and RoiAlign against their definitions.
#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::test::grid_sample_test {
namespace {

using graph::Attrs;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;
size_t at(int64_t i) { return static_cast<size_t>(i); }

/// One axis: weight of every input position for coordinate g.
Doubles axis_weights(const std::string& mode, const std::string& padding, bool align, double g, int64_t n) {
  const double last = static_cast<double>(n - 1), low = align ? 0 : -0.5, high = align ? last : last + 0.5;
  const auto mirror = [&](double x) {
    if (high == low) return low;
    while (x < low || x > high) x = x < low ? 2 * low - x : 2 * high - x;
    return x;
  };
  double x = align ? (g + 1) / 2 * last : ((g + 1) * static_cast<double>(n) - 1) / 2;
  if (mode == "nearest") x = std::nearbyint(x);
  if (padding == "border" && (x < low || x > high)) x = x < low ? 0 : last;
  if (padding == "reflection") x = mirror(x);
  Doubles w(at(n), 0);
  const auto add = [&](double p, double weight) {
    if (padding == "border") p = std::min(std::max(p, 0.0), last);
    if (padding == "reflection") p = std::trunc(mirror(p));
    if (p >= 0 && p <= last) w[at(static_cast<int64_t>(p))] += weight;
  };
  const double base = std::floor(x), r = x - base;
  if (mode == "nearest") {
    add(base, 1);
  } else if (mode == "linear") {
    add(base, 1 - r);
    add(base + 1, r);
  } else {
    const auto c = [](double d) {
      const double a = -0.75;
      d = std::abs(d);
      return d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1 : a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a;
    };
    for (int k = -1; k <= 2; ++k) add(base + k, c(r - k));
  }
  return w;
}

TEST(GridSample, EveryMode) {
  const Ints shapes[] = {{7}, {4, 5}, {3, 4, 2}, {1, 3}};
  for (const Ints& in : shapes)
    for (const char* mode : {"nearest", "linear", "cubic"})
      for (const char* padding : {"zeros", "border", "reflection"})
        for (bool align : {false, true}) {
          const int64_t r = static_cast<int64_t>(in.size()), plane = element_count(in), points = 6;
          const Doubles x = random_numbers(at(2 * 3 * plane), -4, 4, 1),
                        grid = random_numbers(at(2 * points * r), -1.6, 1.6, 2);
          Ints xd{2, 3}, gd{2};
          for (int64_t i = 0; i < r; ++i) xd.push_back(in[at(i)]), gd.push_back(i == 0 ? 6 : 1);
          gd.push_back(r);
          Doubles want;
          for (int64_t n = 0; n < 2; ++n)
            for (int64_t c = 0; c < 3; ++c)
              for (int64_t p = 0; p < points; ++p) {
                std::vector<Doubles> w;
                for (int64_t i = 0; i < r; ++i)
                  w.push_back(axis_weights(
                      mode, padding, align,
                      static_cast<double>(static_cast<float>(grid[at((n * points + p) * r + r - 1 - i)])), in[at(i)]));
                double sum = 0;
                for (int64_t o = 0; o < plane; ++o) {
                  double weight = 1;
                  int64_t rest = o;
                  for (int64_t i = r; i-- > 0; rest /= in[at(i)]) weight *= w[at(i)][at(rest % in[at(i)])];
                  sum += weight * x[at((n * 3 + c) * plane + o)];
                }
                want.push_back(sum);
              }
          for (DType type : {DType::kFloat, DType::kDouble, DType::kFloat16}) {
            const Value y = run1("GridSample", 22, {numbers(type, xd, x), numbers(DType::kFloat, gd, grid)},
                                 Attrs{{"mode", std::string(mode)},
                                       {"padding_mode", std::string(padding)},
                                       {"align_corners", static_cast<int64_t>(align)}});
            const Doubles got = as_doubles(y);
            ASSERT_EQ(got.size(), want.size());
            for (size_t i = 0; i < want.size(); ++i)
              ASSERT_NEAR(got[i], want[i],
                          type == DType::kFloat16 ? 1e-2
                          : type == DType::kFloat ? 2e-6
                                                  : 1e-10)
                  << mode << " " << padding << " align " << align << " " << to_string(in) << " " << dtype_name(type);
          }
        }
}

TEST(GridSample, FarAndBadCoordinates) {
  const double nan = std::nan(""), inf = 1.0 / 0.0;
  const Value x = numbers(DType::kFloat, {1, 1, 1, 2}, {5, 6}),
              grid = numbers(DType::kFloat, {1, 1, 4, 2}, {nan, 0, inf, 0, -1e30, 0, 0.5, 0});
  const Value y = run1("GridSample", 16, {x, grid}, Attrs{{"mode", std::string("nearest")}});
  EXPECT_EQ(as_doubles(y), (Doubles{0, 0, 0, 6}));
  EXPECT_NE(error_of([&] {
              run1("GridSample", 16, {x, numbers(DType::kFloat, {1, 1, 1, 3}, {0, 0, 0})});
            }).find("last dim of grid"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              run1("GridSample", 22, {x, grid}, Attrs{{"mode", std::string("bilinar")}});
            }).find("bilinar"),
            std::string::npos);
}

TEST(AffineGrid, PlaneAndVolume) {
  const Value theta = numbers(DType::kFloat, {1, 2, 3}, {1, 0, 0.5, 0, 2, 0});
  const auto run = [&](int64_t align) {
    return as_doubles(run1("AffineGrid", 20, {theta, vec<int64_t>({1, 1, 2, 2})}, Attrs{{"align_corners", align}}));
  };
  EXPECT_EQ(run(0), (Doubles{0, -1, 1, -1, 0, 1, 1, 1}));
  EXPECT_EQ(run(1), (Doubles{-0.5, -2, 1.5, -2, -0.5, 2, 1.5, 2}));
  // x, y, z of a volume of one column: theta turns (x, y, z) to (z, x, y).
  const Value turn = numbers(DType::kDouble, {1, 3, 4}, {0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0});
  EXPECT_EQ(as_doubles(run1("AffineGrid", 20, {turn, vec<int64_t>({1, 1, 2, 1, 2})})),
            (Doubles{-0.5, -0.5, 0, -0.5, 0.5, 0, 0.5, -0.5, 0, 0.5, 0.5, 0}));
  EXPECT_NE(error_of([&] {
              run1("AffineGrid", 20, {theta, vec<int64_t>({1, 1, 2})});
            }).find("3 entries"),
            std::string::npos);
}

void expect_near(const Doubles& got, const Doubles& want, double bound) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], bound) << "at " << i;
}

TEST(RoiAlign, AverageOfSamples) {
  // On a plane f(y, x) = 10 y + x, bilinear samples are exact: a bin's average is f at its middle.
  Doubles plane;
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 9; ++x) plane.push_back(10 * y + x);
  for (DType type : {DType::kFloat, DType::kDouble, DType::kFloat16})
    for (int64_t ratio : {0, 1, 3}) {
      const Value x = numbers(type, {1, 1, 8, 9}, plane), rois = numbers(type, {1, 4}, {2, 4, 10, 12});
      const double bound = type == DType::kFloat16 ? 0.02 : 1e-5;
      const auto run = [&](int version, Attrs attrs) {
        attrs.set("output_height", int64_t{2}), attrs.set("output_width", int64_t{2});
        attrs.set("spatial_scale", 0.5f), attrs.set("sampling_ratio", ratio);
        return as_doubles(run1("RoiAlign", version, {x, rois, vec<int64_t>({0})}, attrs));
      };
      // The region is x 1 .. 5, y 2 .. 6: bins of 2 x 2 around (3, 2), (3, 4), (5, 2), (5, 4).
      expect_near(run(10, {}), Doubles{32, 34, 52, 54}, bound);
      expect_near(run(22, {}), Doubles{26.5, 28.5, 46.5, 48.5}, bound);
      expect_near(run(16, Attrs{{"coordinate_transformation_mode", std::string("output_half_pixel")}}),
                  Doubles{32, 34, 52, 54}, bound);
    }
}

TEST(RoiAlign, EdgesBatchesAndMax) {
  const Value x = numbers(DType::kFloat, {2, 1, 2, 2}, {1, 2, 3, 4, 10, 20, 30, 40});
  // The second image; samples more than 1 outside count as 0.
  const Value rois = numbers(DType::kFloat, {2, 4}, {0, 0, 2, 2, 5, 5, 7, 7});
  Attrs attrs{{"sampling_ratio", int64_t{2}}};
  EXPECT_EQ(as_doubles(run1("RoiAlign", 10, {x, rois, vec<int64_t>({1, 1})}, attrs)), (Doubles{32.5, 0}));
  attrs.set("mode", std::string("max"));
  const Value low = numbers(DType::kFloat, {1, 4}, {-1, -1, 1, 1});
  EXPECT_EQ(as_doubles(run1("RoiAlign", 10, {x, low, vec<int64_t>({0})}, attrs)), (Doubles{1.5}));
  const auto error = [&](Value batch) { return error_of([&] { run1("RoiAlign", 16, {x, low, batch}); }); };
  EXPECT_NE(error(vec<int64_t>({2})).find("batch_indices[0] is 2"), std::string::npos);
  EXPECT_NE(error(vec<int64_t>({0, 0})).find("entries of rois"), std::string::npos);
}

}  // namespace
}  // namespace tenon::test::grid_sample_test
