// Pooling against plain loops: geometry, ceil_mode overhang, dilation, indices, special values, every ISA.
#include "kernels/pool.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "support/kernel_data.h"

namespace tenon::kernels::pool_test {
namespace {

using test::each_table;
using test::expect_same_bits;
using test::Guarded;

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

struct Case {
  int rank;
  int64_t planes, in[3], kernel[3], stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, pad[3] = {0, 0, 0},
                                    pad_end[3] = {0, 0, 0};
  bool ceil = false;
};

struct Output {
  double max, sum, lp;
  int64_t at, at_column_major, inside, padded;
};

PoolArgs args_of(const Case& c) {
  PoolArgs a;
  a.rank = c.rank;
  a.planes = c.planes;
  for (int d = 0; d < c.rank; ++d) {
    a.in[d] = c.in[d], a.kernel[d] = c.kernel[d], a.stride[d] = c.stride[d], a.dilation[d] = c.dilation[d];
    a.pad[d] = c.pad[d], a.pad_end[d] = c.pad_end[d];
    const int64_t room = c.in[d] + c.pad[d] + c.pad_end[d] - (c.kernel[d] - 1) * c.dilation[d] - 1;
    a.out[d] = (room + (c.ceil ? c.stride[d] - 1 : 0)) / c.stride[d] + 1;
    if (c.ceil && (a.out[d] - 1) * c.stride[d] >= c.in[d] + c.pad[d]) --a.out[d];
  }
  return a;
}

std::vector<Output> plain(const PoolArgs& a, int64_t p) {
  std::vector<Output> out;
  auto dim = [&](const int64_t* v, int d, int64_t missing) { return d < a.rank ? v[d] : missing; };
  const int64_t iy = dim(a.in, 1, 1), iz = dim(a.in, 2, 1), plane = a.in[0] * iy * iz;
  for (int64_t q = 0; q < a.planes; ++q)
    for (int64_t o0 = 0; o0 < a.out[0]; ++o0)
      for (int64_t o1 = 0; o1 < dim(a.out, 1, 1); ++o1)
        for (int64_t o2 = 0; o2 < dim(a.out, 2, 1); ++o2) {
          Output r = {-kInf, 0, 0, -1, -1, 0, 0};
          for (int64_t k0 = 0; k0 < a.kernel[0]; ++k0)
            for (int64_t k1 = 0; k1 < dim(a.kernel, 1, 1); ++k1)
              for (int64_t k2 = 0; k2 < dim(a.kernel, 2, 1); ++k2) {
                const int64_t o[] = {o0, o1, o2}, k[] = {k0, k1, k2};
                int64_t x[3] = {0, 0, 0};
                bool inside = true, counts = true;
                for (int d = 0; d < a.rank; ++d) {
                  x[d] = o[d] * a.stride[d] - a.pad[d] + k[d] * a.dilation[d];
                  inside = inside && x[d] >= 0 && x[d] < a.in[d];
                  counts = counts && x[d] < a.in[d] + a.pad_end[d];
                }
                r.padded += counts;
                if (!inside) continue;
                ++r.inside;
                const int64_t at = (x[0] * iy + x[1]) * iz + x[2];
                const double v = a.x[q * plane + at];
                r.sum += v;
                r.lp += std::pow(std::fabs(v), static_cast<double>(p));
                if (r.at < 0 || (!std::isnan(r.max) && (v > r.max || std::isnan(v)))) {
                  r.max = v;
                  r.at = q * plane + at;
                  r.at_column_major = q * plane + (x[2] * iy + x[1]) * a.in[0] + x[0];
                }
              }
          out.push_back(r);
        }
  return out;
}

void check(const Case& c) {
  PoolArgs a = args_of(c);
  int64_t in = c.planes, out = c.planes;
  for (int d = 0; d < c.rank; ++d) in *= a.in[d], out *= a.out[d];
  auto x = test::random_floats(in, 5);
  for (int64_t i = 0; i < in; i += 3) x[i] = std::round(x[i] * 4);  // ties
  Guarded<float> y(out);
  Guarded<int64_t> indices(out);
  a.x = x.data(), a.y = y.data();
  const std::vector<Output> by_power[] = {plain(a, 1), plain(a, 2), plain(a, 3)};
  const std::vector<Output>& want = by_power[2];
  each_table([&](const KernelTable& t) {
    SCOPED_TRACE(fmt::format("rank {} in {}x{} kernel {} stride {} ceil {}", c.rank, c.in[0], c.in[1], c.kernel[0],
                             c.stride[0], c.ceil));
    auto each = [&](auto&& value, int power = 3) {
      for (int64_t i = 0; i < out; ++i) {
        const double w = value(by_power[power - 1][static_cast<size_t>(i)]);
        if (std::isnan(w))
          ASSERT_TRUE(std::isnan(y[i])) << i;
        else if (std::isinf(w))
          ASSERT_EQ(y[i], w) << i;
        else
          ASSERT_NEAR(y[i], w, 2e-6 * (1 + std::fabs(w))) << i;
      }
    };
    expect_same_bits<float>(y, [&](const Parallel& par) { max_pool(a, nullptr, false, par, t); });
    each([](const Output& o) { return o.max; });
    for (bool column_major : {false, true}) {
      expect_same_bits<int64_t>(indices,
                                [&](const Parallel& par) { max_pool(a, indices.data(), column_major, par, t); });
      each([](const Output& o) { return o.max; });
      for (int64_t i = 0; i < out; ++i) {
        const Output& o = want[static_cast<size_t>(i)];
        const int64_t at = column_major ? o.at_column_major : o.at;
        ASSERT_TRUE(o.inside == 0 || indices[i] == at) << i << ": " << indices[i] << " instead of " << at;
      }
    }
    for (bool include : {false, true}) {
      expect_same_bits<float>(y, [&](const Parallel& par) { average_pool(a, include, par, t); });
      each([&](const Output& o) { return o.sum / static_cast<double>(include ? o.padded : o.inside); });
    }
    for (int p : {1, 2, 3}) {
      lp_pool(a, p, {}, t);
      each([p](const Output& o) { return std::pow(o.lp, 1.0 / p); }, p);
    }
  });
}

TEST(Pool, Geometry) {
  check({2, 3, {9, 10}, {3, 3}});
  check({2, 3, {12, 35}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}});
  check({2, 2, {7, 8}, {2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, true});
  check({2, 2, {8, 9}, {3, 2}, {3, 3}, {1, 1}, {1, 0}, {1, 1}, true});
  check({2, 2, {11, 40}, {3, 3}, {1, 1}, {2, 3}, {2, 3}, {2, 3}});
  check({2, 2, {11, 40}, {3, 3}, {2, 3}, {2, 2}, {1, 1}, {0, 2}});
  check({2, 40, {7, 7}, {7, 7}});
  check({2, 1, {1, 1}, {1, 1}});
  check({2, 1, {5, 3000}, {2, 5}, {1, 4}, {1, 1}, {0, 2}, {0, 2}});
  check({2, 1, {2, 20000}, {2, 3}, {1, 1}, {1, 1}, {0, 1}, {0, 1}});
  check({2, 1, {2, 9000}, {2, 3}, {1, 2}, {1, 1}, {0, 1}, {0, 1}});
}

TEST(Pool, OneAndThreeDims) {
  check({1, 3, {50}, {3}, {2}, {1}, {1}, {1}});
  check({1, 3, {50}, {4}, {3}, {2}, {3}, {0}, true});
  check({3, 2, {5, 6, 7}, {2, 3, 2}, {2, 1, 2}, {1, 1, 1}, {1, 1, 0}, {0, 1, 1}});
  check({3, 2, {5, 6, 7}, {3, 3, 3}, {1, 1, 1}, {2, 1, 1}, {1, 1, 1}, {1, 1, 1}, true});
}

TEST(Pool, WindowsWhollyInPaddingGiveMinusInfinity) {
  check({2, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  check({2, 1, {300, 3}, {300, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}});
}

TEST(Pool, NanSpreadsToItsWindows) {
  each_table([](const KernelTable& t) {
    PoolArgs a = args_of({2, 1, {6, 40}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
    Guarded<float> x(240, -1.f), y(240);
    x[3 * 40 + 20] = kNan;
    a.x = x.data(), a.y = y.data();
    max_pool(a, nullptr, false, {}, t);
    for (int64_t i = 0; i < 240; ++i) {
      const bool near = std::abs(i / 40 - 3) <= 1 && std::abs(i % 40 - 20) <= 1;
      ASSERT_EQ(std::isnan(y[i]), near) << i;
      ASSERT_TRUE(near || y[i] == -1.f) << i;
    }
  });
}

}  // namespace
}  // namespace tenon::kernels::pool_test
