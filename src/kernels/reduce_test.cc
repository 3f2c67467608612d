// Reductions, softmax, arg max and norms against plain loops in double: every ISA, axis pattern, tail, special value.
#include "kernels/reduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/kernel_data.h"

namespace tenon::kernels::reduce_test {
namespace {

using test::each_table;
using test::expect_same_bits;
using test::Guarded;
using test::random_floats;

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
constexpr Reduce kAll[] = {Reduce::kSum,       Reduce::kMean, Reduce::kMax, Reduce::kMin,    Reduce::kProd,
                           Reduce::kSumSquare, Reduce::kL1,   Reduce::kL2,  Reduce::kLogSum, Reduce::kLogSumExp};

struct Axes {
  std::vector<int64_t> dims;
  std::vector<int> axes;
};

// value and the sum of magnitudes, per output
std::vector<std::pair<double, double>> plain(Reduce op, const Axes& c, std::span<const float> x) {
  int64_t kept = 1, count = 1;
  auto is_reduced = [&](size_t d) { return std::count(c.axes.begin(), c.axes.end(), static_cast<int>(d)) > 0; };
  for (size_t d = 0; d < c.dims.size(); ++d) (is_reduced(d) ? count : kept) *= c.dims[d];
  std::vector<std::vector<double>> groups(static_cast<size_t>(kept));
  for (size_t i = 0; i < x.size(); ++i) {
    int64_t rest = static_cast<int64_t>(i), o = 0, scale = 1;
    for (size_t d = c.dims.size(); d-- > 0;) {
      if (!is_reduced(d)) o += rest % c.dims[d] * scale, scale *= c.dims[d];
      rest /= c.dims[d];
    }
    groups[static_cast<size_t>(o)].push_back(x[i]);
  }
  std::vector<std::pair<double, double>> out;
  for (const auto& g : groups) {
    double sum = 0, mag = 0, prod = 1, squares = 0, hi = -kInf, lo = kInf, exps = 0;
    bool nan = false;
    for (double v : g) {
      nan = nan || std::isnan(v);
      sum += v, mag += std::fabs(v), prod *= v, squares += v * v;
      hi = std::max(hi, v), lo = std::min(lo, v);
    }
    for (double v : g) exps += std::exp(v - hi);
    const double n = static_cast<double>(g.size());
    double v = 0;
    switch (op) {
      case Reduce::kSum:
        v = sum;
        break;
      case Reduce::kMean:
        v = sum / n, mag /= n;
        break;
      case Reduce::kMax:
        v = hi, mag = 0;
        break;
      case Reduce::kMin:
        v = lo, mag = 0;
        break;
      case Reduce::kProd:
        v = prod, mag = std::fabs(prod) * n;
        break;
      case Reduce::kSumSquare:
        v = squares, mag = squares;
        break;
      case Reduce::kL1:
        v = mag;
        break;
      case Reduce::kL2:
        v = mag = std::sqrt(squares);
        break;
      case Reduce::kLogSum:
        v = std::log(sum), mag = std::max(1.0, mag / std::fabs(sum));
        break;
      case Reduce::kLogSumExp:
        v = std::isinf(hi) ? hi : std::log(exps) + hi, mag = std::fabs(v) + 1;
        break;
    }
    out.emplace_back(nan ? kNan : v, mag);
  }
  return out;
}

void check(const Axes& c) {
  int64_t count = 1;
  for (int64_t d : c.dims) count *= d;
  auto x = random_floats(count, 3, -1.5f, 2.f);
  std::unique_ptr<bool[]> reduced(new bool[c.dims.size() + 1]());
  for (int a : c.axes) reduced[static_cast<size_t>(a)] = true;
  for (Reduce op : kAll) {
    const auto want = plain(op, c, x);
    Guarded<float> y(static_cast<int64_t>(want.size()));
    each_table([&](const KernelTable& t) {
      SCOPED_TRACE(fmt::format("op {} rank {} first dim {}", static_cast<int>(op), c.dims.size(),
                               c.dims.empty() ? 0 : c.dims[0]));
      expect_same_bits<float>(y, [&](const Parallel& par) {
        reduce(op, x.data(), c.dims, {reduced.get(), c.dims.size()}, y.data(), par, t);
      });
      for (size_t i = 0; i < want.size(); ++i) {
        const float got = y[static_cast<int64_t>(i)];
        if (!std::isfinite(want[i].first))
          ASSERT_EQ(std::isnan(got), std::isnan(want[i].first)) << i;
        else
          ASSERT_NEAR(got, want[i].first, 2e-6 * want[i].second + 1e-30) << i;
      }
    });
  }
}

TEST(Reduce, AxisPatterns) {
  check({{}, {}});
  check({{1}, {0}});
  check({{37}, {0}});
  check({{5, 33}, {1}});
  check({{5, 33}, {0}});
  check({{5, 33}, {0, 1}});
  check({{5, 33}, {}});
  check({{3, 4, 70}, {1}});
  check({{3, 4, 70}, {0, 2}});
  check({{3, 4, 2, 17}, {0, 2}});
  check({{3, 4, 2, 17}, {1, 3}});
  check({{2, 1, 3, 1, 5}, {1, 2}});
  check({{2, 3, 2, 3, 2, 3}, {0, 2, 4}});
  check({{300, 600}, {0}});
  check({{3, 5000}, {1}});
}

TEST(Reduce, RankHasALimit) {
  std::vector<int> axes;
  for (int i = 0; i < 16; i += 2) axes.push_back(i);
  check({{1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2}, axes});
  check({std::vector<int64_t>(16, 2), axes});
  const std::vector<int64_t> dims(17, 1);
  const bool reduced[17] = {true};
  float v = 1;
  EXPECT_THROW(reduce(Reduce::kSum, &v, dims, reduced, &v, {}), Error);
}

TEST(Reduce, LongRows) {
  check({{300001}, {0}});
  check({{4, 70000}, {0, 1}});
}

TEST(Reduce, Empty) {
  each_table([](const KernelTable& t) {
    const int64_t dims[] = {0, 3};
    const bool reduced[] = {true, false};
    auto run = [&](Reduce op) {
      float y[3] = {5, 5, 5};
      reduce(op, nullptr, dims, reduced, y, {}, t);
      EXPECT_TRUE(y[0] == y[2] || std::isnan(y[0]));
      return y[1];
    };
    EXPECT_EQ(run(Reduce::kSum), 0);
    EXPECT_EQ(run(Reduce::kProd), 1);
    EXPECT_EQ(run(Reduce::kMax), -kInf);
    EXPECT_EQ(run(Reduce::kMin), kInf);
    EXPECT_EQ(run(Reduce::kL2), 0);
    EXPECT_EQ(run(Reduce::kLogSumExp), -kInf);
    EXPECT_TRUE(std::isnan(run(Reduce::kMean)));
  });
}

TEST(Reduce, NanAndInfinityAnywhere) {
  each_table([](const KernelTable& t) {
    for (int64_t at : {0, 1, 30, 63, 64, 99}) {
      for (bool columns : {false, true}) {
        Guarded<float> x(100, 1.f);
        x[at] = kNan;
        const int64_t dims[] = {100, 1};
        const int64_t dims2[] = {1, 100};
        const bool reduced[] = {true, false}, reduced2[] = {false, true};
        auto run = [&](Reduce op) {
          float y;
          reduce(op, x.data(), columns ? dims : dims2, columns ? reduced : reduced2, &y, {}, t);
          return y;
        };
        for (Reduce op : kAll) EXPECT_TRUE(std::isnan(run(op))) << static_cast<int>(op) << " at " << at;
        x[at] = kInf;
        for (Reduce op : {Reduce::kSum, Reduce::kMax, Reduce::kL2, Reduce::kLogSumExp}) EXPECT_EQ(run(op), kInf);
        EXPECT_EQ(run(Reduce::kMin), 1);
        x[at] = -kInf;
        EXPECT_EQ(run(Reduce::kMin), -kInf);
        EXPECT_EQ(run(Reduce::kMax), 1);
      }
    }
    // the same down a column of a matrix
    Guarded<float> x(9 * 40, 1.f), y(40);
    x[4 * 40 + 17] = kNan;
    const int64_t dims[] = {9, 40};
    const bool reduced[] = {true, false};
    for (Reduce op : kAll) {
      reduce(op, x.data(), dims, reduced, y.data(), {}, t);
      for (int64_t j = 0; j < 40; ++j) EXPECT_EQ(std::isnan(y[j]), j == 17) << static_cast<int>(op);
    }
  });
}

void check_softmax(int64_t outer, int64_t axis, int64_t inner) {
  auto x = random_floats(outer * axis * inner, 9, -8, 8);
  each_table([&](const KernelTable& t) {
    for (bool log : {false, true}) {
      SCOPED_TRACE(fmt::format("softmax {}x{}x{} log {}", outer, axis, inner, log));
      Guarded<float> y(x.size());
      expect_same_bits<float>(
          y, [&](const Parallel& par) { softmax(x.data(), y.data(), outer, axis, inner, log, par, t); });
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t j = 0; j < inner; ++j) {
          double top = -kInf, sum = 0;
          auto at = [&](int64_t a) { return (o * axis + a) * inner + j; };
          for (int64_t a = 0; a < axis; ++a) top = std::max<double>(top, x[at(a)]);
          for (int64_t a = 0; a < axis; ++a) sum += std::exp(x[at(a)] - top);
          for (int64_t a = 0; a < axis; ++a) {
            const double p = std::exp(x[at(a)] - top) / sum, want = log ? x[at(a)] - top - std::log(sum) : p;
            ASSERT_NEAR(y[at(a)], want, 2e-6 * (std::fabs(want) + (log ? 1 : 0)));
          }
        }
      Guarded<float> in_place{std::span<const float>(x)};
      softmax(in_place.data(), in_place.data(), outer, axis, inner, log, {}, t);
      for (int64_t i = 0; i < y.size(); ++i) ASSERT_EQ(in_place[i], y[i]);
    }
  });
}

TEST(Softmax, RowsAndColumns) {
  for (int64_t n : {0, 1, 3, 16, 33, 128, 1000}) check_softmax(5, n, 1);
  for (int64_t inner : {2, 15, 16, 40, 300}) check_softmax(3, 7, inner);
  check_softmax(200, 50, 1);
}

TEST(Softmax, SpecialRows) {
  each_table([](const KernelTable& t) {
    for (int64_t inner : {1, 20}) {
      auto run = [&](float special, float other) {
        Guarded<float> x(5 * inner, other), y(5 * inner);
        for (int64_t j = 0; j < inner; ++j) x[2 * inner + j] = special;
        softmax(x.data(), y.data(), 1, 5, inner, false, {}, t);
        return std::pair(y[0], y[2 * inner]);
      };
      EXPECT_EQ(run(-kInf, 1), std::pair(0.25f, 0.f));
      EXPECT_TRUE(std::isnan(run(kNan, 1).first));
      EXPECT_TRUE(std::isnan(run(kInf, 1).second));
      EXPECT_TRUE(std::isnan(run(-kInf, -kInf).first));
      EXPECT_EQ(run(3e38f, -3e38f), std::pair(0.f, 1.f));
    }
  });
}

void check_arg(std::span<const float> x, int64_t outer, int64_t axis, int64_t inner) {
  each_table([&](const KernelTable& t) {
    for (bool max : {false, true})
      for (bool last : {false, true}) {
        Guarded<int64_t> y(outer * inner);
        expect_same_bits<int64_t>(
            y, [&](const Parallel& par) { arg_reduce(x.data(), y.data(), outer, axis, inner, max, last, par, t); });
        for (int64_t o = 0; o < outer; ++o)
          for (int64_t j = 0; j < inner; ++j) {
            int64_t at = 0;
            auto v = [&](int64_t a) { return x[static_cast<size_t>((o * axis + a) * inner + j)]; };
            for (int64_t a = 1; a < axis && !std::isnan(v(at)); ++a)
              if (std::isnan(v(a)) || (max ? v(a) > v(at) : v(a) < v(at)) || (last && v(a) == v(at))) at = a;
            ASSERT_EQ(y[o * inner + j], at)
                << "axis " << axis << " inner " << inner << " max " << max << " last " << last;
          }
      }
  });
}

TEST(ArgReduce, TiesNanAndTails) {
  for (int64_t axis : {1, 2, 17, 64, 100})
    for (int64_t inner : {1, 3, 16, 21}) {
      test::Random random(static_cast<uint64_t>(axis));
      Guarded<float> x(3 * axis * inner);
      for (float& v : x) v = static_cast<float>(random.below(6));
      check_arg(x, 3, axis, inner);
      x[axis * inner / 2] = kNan;
      x[x.size() - 1] = kNan;
      x[0] = -kInf;
      check_arg(x, 3, axis, inner);
    }
}

void check_norm(int64_t rows, int64_t n, bool skip, bool keep_sum, bool affine, bool centred) {
  auto x = random_floats(rows * n, 1, -3, 5), s = random_floats(rows * n, 2), sb = random_floats(n, 3);
  auto scale = random_floats(n, 4), bias = random_floats(n, 5);
  each_table([&](const KernelTable& t) {
    SCOPED_TRACE(
        fmt::format("{} rows of {} skip {} sum {} affine {} centred {}", rows, n, skip, keep_sum, affine, centred));
    Guarded<float> y(rows * n), sum(rows * n, 0.f), mean(rows), inv(rows);
    NormArgs a;
    a.rows = rows, a.n = n, a.x = x.data(), a.y = y.data(), a.mean = mean.data(), a.inv_std = inv.data(), a.eps = 1e-3f;
    if (skip) a.skip = s.data(), a.skip_bias = sb.data(), a.skip_rows = 2;
    if (keep_sum) a.sum = sum.data();
    if (affine) a.scale = scale.data(), a.bias = bias.data();
    expect_same_bits<float>(y, [&](const Parallel& par) {
      if (centred)
        layer_norm(a, par, t);
      else
        rms_norm(a, par, t);
    });
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<double> v;
      double m = 0, var = 0;
      for (int64_t i = 0; i < n; ++i)
        v.push_back(x[r * n + i] + (skip ? static_cast<double>(s[r % 2 * n + i]) + sb[i] : 0.0));
      if (centred)
        for (double e : v) m += e / static_cast<double>(n);
      for (double e : v) var += (e - m) * (e - m) / static_cast<double>(n);
      const double i_std = 1 / std::sqrt(var + 1e-3);
      ASSERT_NEAR(centred ? mean[r] : 0, m, 2e-6);
      ASSERT_NEAR(inv[r], i_std, 2e-6 * i_std + (n == 1 ? 1e-2 : 0));
      for (int64_t i = 0; i < n; ++i) {
        const double e = v[static_cast<size_t>(i)], z = (e - m) * i_std;
        ASSERT_NEAR(sum[r * n + i], keep_sum ? e : 0, 2e-6);
        ASSERT_NEAR(y[r * n + i], affine ? z * scale[i] + bias[i] : z, 1e-5 + (n == 1 ? 1e-3 : 0));
      }
    }
  });
}

TEST(Norm, LayerAndRms) {
  for (bool centred : {true, false})
    for (int64_t n : {1, 2, 15, 16, 33, 200, 768})
      for (bool skip : {false, true})
        for (bool sum : {false, true}) check_norm(3, n, skip, sum, n % 2 == 0, centred);
  check_norm(300, 64, true, true, true, true);
}

}  // namespace
}  // namespace tenon::kernels::reduce_test
