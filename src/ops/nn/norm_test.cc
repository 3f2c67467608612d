// Normalisations against their formulas.
#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::test::norm_test {
namespace {

using graph::Attrs;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;
constexpr DType kTypes[] = {DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16};
size_t at(int64_t i) { return static_cast<size_t>(i); }

double bound_of(DType t) {
  return t == DType::kFloat ? 3e-6 : t == DType::kDouble ? 1e-12 : t == DType::kFloat16 ? 4e-3 : 3e-2;
}
void near(const Value& v, const Doubles& want, double bound, const std::string& what) {
  const Doubles got = as_doubles(v);
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_NEAR(got[i], want[i], bound * (1 + std::abs(want[i]))) << what << " at " << i;
}
/// Values that every type holds.
Doubles eighths(size_t n, uint32_t seed) {
  Doubles v = random_numbers(n, -16, 16, seed);
  for (double& x : v) x = std::round(x) / 8;
  return v;
}
struct Stats {
  double mean = 0, var = 0;
};
Stats stats(const Doubles& x, int64_t first, int64_t n) {
  Stats s;
  for (int64_t i = 0; i < n; ++i) s.mean += x[at(first + i)] / static_cast<double>(n);
  for (int64_t i = 0; i < n; ++i)
    s.var += (x[at(first + i)] - s.mean) * (x[at(first + i)] - s.mean) / static_cast<double>(n);
  return s;
}

TEST(LayerNormalization, OverTrailingDims) {
  const Doubles x = eighths(2 * 3 * 20, 1), scale = eighths(60, 2), bias = eighths(60, 3);
  for (DType type : kTypes)
    for (int64_t axis : {-1, 1, 0}) {
      const int64_t n = axis == -1 ? 20 : axis == 1 ? 60 : 120;
      const Ints dims = axis == -1 ? Ints{20} : Ints{3, 20};
      const Doubles a(scale.begin(), scale.begin() + (axis == -1 ? 20 : 60)),
          b(bias.begin(), bias.begin() + static_cast<long>(a.size()));
      const auto y = run_op("", "LayerNormalization", 17,
                            {numbers(type, {2, 3, 20}, x), numbers(type, dims, a), numbers(type, dims, b)},
                            Attrs{{"axis", axis}, {"epsilon", 0.01f}}, 3);
      Doubles want, mean, inv;
      for (int64_t r = 0; r < 120 / n; ++r) {
        const Stats s = stats(x, r * n, n);
        mean.push_back(s.mean), inv.push_back(1 / std::sqrt(s.var + 0.01f));
        for (int64_t i = 0; i < n; ++i)
          want.push_back((x[at(r * n + i)] - s.mean) * inv.back() * a[at(i) % a.size()] + b[at(i) % b.size()]);
      }
      near(y[0], want, bound_of(type), "Y");
      near(y[1], mean, 1e-6, "Mean");
      near(y[2], inv, 1e-5, "InvStdDev");
      EXPECT_EQ(y[1].dtype(), DType::kFloat);
      EXPECT_EQ(dims_of(y[1]), axis == -1 ? (Ints{2, 3, 1}) : axis == 1 ? (Ints{2, 1, 1}) : (Ints{1, 1, 1}));
    }
}

TEST(LayerNormalization, BroadcastScaleAndStash) {
  const Doubles x = eighths(2 * 3 * 4, 4);
  for (DType type : {DType::kFloat, DType::kDouble}) {
    // A scale per row and one value for all columns; a scalar bias.
    const auto y = run_op("", "LayerNormalization", 17,
                          {numbers(type, {2, 3, 4}, x), numbers(type, {3, 1}, {1, 2, 3}), numbers(type, {}, {0.5})},
                          Attrs{{"stash_type", int64_t{16}}}, 2);
    Doubles want;
    for (int64_t r = 0; r < 6; ++r) {
      const Stats s = stats(x, r * 4, 4);
      for (int64_t i = 0; i < 4; ++i)
        want.push_back((x[at(r * 4 + i)] - s.mean) / std::sqrt(s.var + 1e-5f) * static_cast<double>(r % 3 + 1) + 0.5);
    }
    near(y[0], want, 3e-6, "Y");
    EXPECT_EQ(y[1].dtype(), DType::kBFloat16);
  }
  EXPECT_NE(error_of([] {
              run1("LayerNormalization", 17,
                   {numbers(DType::kFloat, {2, 3}, Doubles(6)), numbers(DType::kFloat, {2}, {1, 1})});
            }).find("does not broadcast"),
            std::string::npos);
}

TEST(RmsNormalization, EveryType) {
  const Doubles x = eighths(3 * 17, 5), scale = eighths(17, 6);
  for (DType type : kTypes) {
    Doubles want;
    for (int64_t r = 0; r < 3; ++r) {
      double mean = 0;
      for (int64_t i = 0; i < 17; ++i) mean += x[at(r * 17 + i)] * x[at(r * 17 + i)] / 17;
      for (int64_t i = 0; i < 17; ++i) want.push_back(x[at(r * 17 + i)] / std::sqrt(mean + 1e-5f) * scale[at(i)]);
    }
    near(run1("RMSNormalization", 23, {numbers(type, {3, 17}, x), numbers(type, {17}, scale)}), want, bound_of(type),
         "Y");
    const Value mixed =
        run1("RMSNormalization", 23, {numbers(DType::kFloat16, {3, 17}, x), numbers(type, {17}, scale)});
    EXPECT_EQ(mixed.dtype(), type);
    near(mixed, want, std::max(bound_of(type), 3e-6), "mixed");  // X of 16 bits is computed in fp32
  }
}

TEST(GroupAndInstance, EveryType) {
  const int64_t n = 2, channels = 4, inner = 6;
  const Doubles x = eighths(at(n * channels * inner), 7), scale{1, -2, 0.5, 3}, bias{0, 1, -1, 0.25};
  for (DType type : kTypes)
    for (int64_t groups : {4, 2, 1}) {
      const auto want = [&](const Doubles& a, const Doubles& b) {
        Doubles w;
        const int64_t size = channels / groups * inner;
        for (int64_t i = 0; i < n * channels * inner; ++i) {
          const Stats s = stats(x, i / size * size, size);
          const size_t entry = at(i / inner % channels) * a.size() / at(channels);
          w.push_back((x[at(i)] - s.mean) / std::sqrt(s.var + 0.1f) * a[entry] + b[entry]);
        }
        return w;
      };
      const Value in = numbers(type, {n, channels, 2, 3}, x), a = numbers(type, {4}, scale),
                  b = numbers(type, {4}, bias);
      near(run1("GroupNormalization", 21, {in, a, b}, Attrs{{"num_groups", groups}, {"epsilon", 0.1f}}),
           want(scale, bias), bound_of(type), "group");
      const Doubles ga(scale.begin(), scale.begin() + groups), gb(bias.begin(), bias.begin() + groups);
      near(run1("GroupNormalization", 18, {in, numbers(type, {groups}, ga), numbers(type, {groups}, gb)},
                Attrs{{"num_groups", groups}, {"epsilon", 0.1f}}),
           want(ga, gb), bound_of(type), "group 18");
      if (groups == 4)
        near(run1("InstanceNormalization", 22, {in, a, b}, Attrs{{"epsilon", 0.1f}}), want(scale, bias), bound_of(type),
             "instance");
    }
  const Value x3 = numbers(DType::kFloat, {1, 3, 2}, Doubles(6)), two = numbers(DType::kFloat, {2}, {1, 1});
  EXPECT_NE(error_of([&] {
              run1("GroupNormalization", 21, {x3, two, two}, Attrs{{"num_groups", int64_t{2}}});
            }).find("num_groups"),
            std::string::npos);
  EXPECT_NE(error_of([&] { run1("InstanceNormalization", 6, {x3, two, two}); }).find("entries"), std::string::npos);
}

TEST(BatchNormalization, Inference) {
  const int64_t n = 2, channels = 3;
  const Doubles scale{1, -2, 0.5}, bias{0, 1, -1}, mean{0.5, -0.25, 1}, var{1, 4, 0.25};
  for (int64_t inner : {1, 5, 40})
    for (DType type : kTypes) {
      const Doubles x = eighths(at(n * channels * inner), 8);
      Doubles want;
      for (int64_t i = 0; i < n * channels * inner; ++i) {
        const size_t c = at(i / inner % channels);
        want.push_back((x[at(i)] - mean[c]) / std::sqrt(var[c] + 1e-5f) * scale[c] + bias[c]);
      }
      const auto p = [&](const Doubles& v) { return numbers(type, {3}, v); };
      const Ints dims = inner == 1 ? Ints{n, channels} : Ints{n, channels, inner};
      near(run1("BatchNormalization", 15, {numbers(type, dims, x), p(scale), p(bias), p(mean), p(var)}), want,
           bound_of(type), "Y");
      // Parameters of other types, as mixed precision models have them.
      const auto f = [&](const Doubles& v) { return numbers(DType::kFloat, {3}, v); };
      near(run1("BatchNormalization", 15, {numbers(type, dims, x), f(scale), f(bias), f(mean), f(var)}), want,
           bound_of(type), "mixed");
    }
}

TEST(BatchNormalization, Training) {
  const Doubles x{1, 2, 3, 4, 5, 6, 7, 9}, ones{1, 1}, zeros{0, 0};
  const auto p = [](const Doubles& v) { return numbers(DType::kFloat, {2}, v); };
  const std::vector<Value> in{numbers(DType::kFloat, {2, 2, 2}, x), p(ones), p(zeros), p(zeros), p(ones)};
  const auto y = run_op("", "BatchNormalization", 15, in, Attrs{{"training_mode", int64_t{1}}, {"momentum", 0.75f}}, 3);
  // Channel 0 holds 1 2 5 6 (mean 3.5, var 4.25), channel 1 holds 3 4 7 9 (mean 5.75, var 5.6875).
  near(y[1], {0.25 * 3.5, 0.25 * 5.75}, 1e-6, "running mean");
  near(y[2], {0.75 + 0.25 * 4.25, 0.75 + 0.25 * 5.6875}, 1e-6, "running var");
  near(y[0],
       {-2.5 / std::sqrt(4.25), -1.5 / std::sqrt(4.25), -2.75 / std::sqrt(5.6875), -1.75 / std::sqrt(5.6875),
        1.5 / std::sqrt(4.25), 2.5 / std::sqrt(4.25), 1.25 / std::sqrt(5.6875), 3.25 / std::sqrt(5.6875)},
       1e-5, "Y");
  const auto old = run_op("", "BatchNormalization", 7, in, Attrs{{"momentum", 0.75f}}, 5);
  near(old[3], {3.5, 5.75}, 1e-6, "saved mean");
  near(old[4], {4.25, 5.6875}, 1e-6, "saved var");
  EXPECT_NE(error_of([&] { run_op("", "BatchNormalization", 15, in, {}, 3); }).find("training_mode"),
            std::string::npos);
}

TEST(BatchNormalization, PerPosition) {
  // spatial = 0: every position has parameters of its own.
  const auto p = [](const Doubles& v) { return numbers(DType::kFloat, {2, 1}, v); };
  const Value y = run1("BatchNormalization", 7,
                       {numbers(DType::kFloat, {2, 2, 1}, {1, 2, 3, 4}), p({1, 2}), p({0, 10}), p({1, 2}), p({1, 4})},
                       Attrs{{"spatial", int64_t{0}}, {"epsilon", 0.f}});
  near(y, {0, 10, 2, 12}, 1e-6, "Y");
}

TEST(OtherNorms, Formulas) {
  const Doubles x{3, -4, 0, 0, 1, 2};
  for (DType type : kTypes) {
    const Value v = numbers(type, {3, 2}, x);
    near(run1("LpNormalization", 22, {v}), {0.6, -0.8, 0, 0, 1 / std::sqrt(5.0), 2 / std::sqrt(5.0)}, bound_of(type),
         "L2");
    near(run1("LpNormalization", 22, {v}, Attrs{{"p", int64_t{1}}, {"axis", int64_t{0}}}),
         {0.75, -4.0 / 6, 0, 0, 0.25, 2.0 / 6}, bound_of(type), "L1");
    near(run1("MeanVarianceNormalization", 13, {v}, Attrs{{"axes", Ints{1}}}),
         {1 - 1e-9 / 3.5, -1 + 1e-9 / 3.5, 0, 0, -1 + 2e-9, 1 - 2e-9}, bound_of(type), "MVN");
    near(
        run1("MeanVarianceNormalization", 13, {v}, Attrs{{"axes", Ints{0, 1}}}),
        [&] {
          const Stats s = stats(x, 0, 6);
          Doubles w;
          for (double e : x) w.push_back((e - s.mean) / (std::sqrt(s.var) + 1e-9));
          return w;
        }(),
        bound_of(type), "MVN of all");
    // Sums of squares over 3 channels: 9+16, 9+16+0, 16+0+0 ...
    const Value y = run1("LRN", 13, {numbers(type, {1, 4, 1}, {3, -4, 0, 1})},
                         Attrs{{"size", int64_t{3}}, {"alpha", 3.f}, {"beta", 0.5f}, {"bias", 2.f}});
    near(y, {3 / std::sqrt(27.0), -4 / std::sqrt(27.0), 0, 1 / std::sqrt(3.0)}, bound_of(type), "LRN");
    const Value even = run1("LRN", 13, {numbers(type, {1, 3, 1}, {1, 2, 3})},
                            Attrs{{"size", int64_t{2}}, {"alpha", 2.f}, {"beta", 1.f}, {"bias", 1.f}});
    near(even, {1.0 / 6, 2.0 / 14, 3.0 / 10}, bound_of(type), "LRN of even size");
  }
  const Value v = numbers(DType::kFloat, {3, 2}, x);
  EXPECT_NE(error_of([&] {
              run1("LpNormalization", 1, {v}, Attrs{{"p", int64_t{3}}});
            }).find("attribute p"),
            std::string::npos);
  EXPECT_NE(error_of([&] { run1("LRN", 1, {v}, Attrs{{"size", int64_t{0}}}); }).find("size"), std::string::npos);
}

}  // namespace
}  // namespace tenon::test::norm_test
