// Row kernels against the C library in double: every function, every ISA, edge values, tails, in place.
#include "kernels/rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "support/kernel_data.h"
#include "support/reference/reference.h"

namespace tenon::kernels::rows_test {
namespace {

using test::each_table;
using test::Guarded;
using test::ulp_distance;

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

const std::vector<float>& edges() {
  static const std::vector<float> list = {
      0.f,        -0.f,      1.f,         -1.f,       0.5f,         -0.5f,         1.5f,  -1.5f,       2.5f,
      -2.5f,      3.f,       -3.f,        6.f,        -6.f,         kInf,          -kInf, kNan,        1e-45f,
      -1e-45f,    1e-40f,    -1e-40f,     1.2e-38f,   3e38f,        -3e38f,        88.7f, 88.8f,       -87.3f,
      -87.4f,     -103.9f,   -104.f,      -150.f,     100.f,        -1e-8f,        1e-8f, 0.9f,        0.90001f,
      8388607.5f, 8388608.f, -8388607.5f, 16777217.f, 2147483648.f, -2147483648.f, 4e9f,  0.49999997f, -0.49999997f};
  return list;
}

// Every binary magnitude, dense between -20 and 20, and the edges.
std::vector<float> samples() {
  std::vector<float> x = edges();
  test::Random random(7);
  for (int i = 0; i < 60000; ++i) x.push_back(std::bit_cast<float>(random.bits()));
  for (int i = 0; i < 60000; ++i) x.push_back(random.uniform(-20, 20));
  for (int i = 0; i < 20000; ++i) x.push_back(random.uniform(-1, 1));
  return x;
}

// Any bit pattern but signalling NaN, which pow(x, 0) treats apart.
float any_number(test::Random& random) {
  const float v = std::bit_cast<float>(random.bits());
  return std::isnan(v) ? kNan : v;
}

struct Bound {
  int64_t ulp;
  double absolute = 0;  // accepted instead
};

template <class Want>
void expect_close(std::span<const float> x, std::span<const float> got, Bound bound, const Want& want) {
  int64_t worst = 0;
  float at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const float w = static_cast<float>(want(x[i]));
    if (bound.absolute > 0 && std::isfinite(w) && std::fabs(got[i] - w) <= bound.absolute) continue;
    const int64_t d = ulp_distance(got[i], w);
    if (d > worst) worst = d, at = x[i];
  }
  EXPECT_LE(worst, bound.ulp) << "at " << at << ": expected " << static_cast<float>(want(at));
}

// Of a NaN the sign is anybody's: it depends on the order in which a compiler puts the operands.
uint32_t bits(float v) { return std::isnan(v) ? 0x7FC00000u : std::bit_cast<uint32_t>(v); }

// Any length from 0 gives the same bits as a long row, writes nothing beyond it, and works in place.
template <class Row>
void expect_tails(std::span<const float> x, const Row& row) {
  std::vector<float> whole(x.size());
  row(x.data(), whole.data(), static_cast<int64_t>(x.size()));
  for (int64_t n = 0; n < 40; ++n) {
    Guarded<float> in(x.subspan(5, static_cast<size_t>(n))), out(n);
    row(in.data(), out.data(), n);
    row(in.data(), in.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      EXPECT_EQ(bits(out[i]), bits(whole[static_cast<size_t>(5 + i)])) << n;
      EXPECT_EQ(bits(in[i]), bits(out[i])) << n;
    }
  }
}

TEST(Rows, Unary) {
  const std::pair<Unary, Bound> list[] = {
      {Unary::kAbs, {0}},    {Unary::kNeg, {0}},  {Unary::kFloor, {0}}, {Unary::kCeil, {0}},  {Unary::kRound, {0}},
      {Unary::kTrunc, {0}},  {Unary::kSign, {0}}, {Unary::kSqrt, {0}},  {Unary::kRsqrt, {1}}, {Unary::kReciprocal, {0}},
      {Unary::kSquare, {0}}, {Unary::kExp, {2}},  {Unary::kExpm1, {3}}, {Unary::kLog, {2}},   {Unary::kLog1p, {3}},
      {Unary::kErf, {3}},    {Unary::kTanh, {3}}, {Unary::kSin, {2}},   {Unary::kCos, {2}}};
  static_assert(std::size(list) == kUnaries);
  const auto x = samples();
  each_table([&](const KernelTable& t) {
    for (const auto& [f, bound] : list) {
      SCOPED_TRACE("unary " + std::to_string(static_cast<int>(f)));
      std::vector<float> y(x.size());
      unary_row(f, t)(x.data(), y.data(), static_cast<int64_t>(x.size()));
      const Unary g = f;
      expect_close(x, y, bound, [g](float v) { return reference::unary(g, v); });
      expect_tails(x, unary_row(f, t));
    }
  });
}

TEST(Rows, SignsOfZero) {
  each_table([](const KernelTable& t) {
    const float zeros[] = {-0.f, 0.f};
    for (Unary f : {Unary::kFloor, Unary::kCeil, Unary::kRound, Unary::kTrunc, Unary::kSqrt, Unary::kExpm1,
                    Unary::kLog1p, Unary::kErf, Unary::kTanh, Unary::kSin}) {
      float y[2];
      unary_row(f, t)(zeros, y, 2);
      EXPECT_TRUE(std::signbit(y[0]) && y[0] == 0) << static_cast<int>(f);
      EXPECT_TRUE(!std::signbit(y[1]) && y[1] == 0) << static_cast<int>(f);
    }
    const float small[] = {-0.3f, -0.7f};
    float y[2];
    unary_row(Unary::kCeil, t)(small, y, 2);
    EXPECT_TRUE(std::signbit(y[0]) && y[0] == 0);
    unary_row(Unary::kRound, t)(small, y, 2);
    EXPECT_TRUE(std::signbit(y[0]) && y[0] == 0);
    EXPECT_EQ(y[1], -1.f);
  });
}

TEST(Rows, Activations) {
  // Where a bound is absolute, the function cancels: its error is that of the terms.
  const std::pair<Activation, Bound> list[] = {{Activation::kNone, {0}},
                                               {Activation::kRelu, {0}},
                                               {Activation::kClip, {0}},
                                               {Activation::kLeakyRelu, {0}},
                                               {Activation::kElu, {4}},
                                               {Activation::kSelu, {4}},
                                               {Activation::kCelu, {4}},
                                               {Activation::kThresholdedRelu, {0}},
                                               {Activation::kSigmoid, {4}},
                                               {Activation::kHardSigmoid, {2, 1e-7}},
                                               {Activation::kTanh, {3}},
                                               {Activation::kGeluErf, {4, 1e-6}},
                                               {Activation::kGeluTanh, {16, 1e-6}},
                                               {Activation::kQuickGelu, {8, 1e-6}},
                                               {Activation::kSilu, {4, 1e-42}},
                                               {Activation::kHardSwish, {2}},
                                               {Activation::kSoftplus, {4}},
                                               {Activation::kSoftsign, {2}},
                                               {Activation::kMish, {8, 1e-6}}};
  static_assert(std::size(list) == kActivations);
  const auto x = samples();
  each_table([&](const KernelTable& t) {
    for (const auto& [f, bound] : list) {
      SCOPED_TRACE("activation " + std::to_string(static_cast<int>(f)));
      const float p0 = f == Activation::kClip ? -0.75f : 0.3f, p1 = 0.8f;
      const Activation g = f;
      auto row = [&](const float* in, float* out, int64_t n) { activation_row(g, t)(in, out, n, p0, p1); };
      std::vector<float> y(x.size());
      row(x.data(), y.data(), static_cast<int64_t>(x.size()));
      expect_close(x, y, bound, [&](float v) { return reference::activate(g, v, p0, p1); });
      expect_tails(x, row);
    }
  });
}

TEST(Rows, Binary) {
  std::vector<float> a = edges(), b;
  for (size_t i = 0; i < edges().size(); ++i) b.push_back(edges()[(i * 7 + 3) % edges().size()]);
  test::Random random(3);
  for (int i = 0; i < 20000; ++i) {
    a.push_back(any_number(random));
    b.push_back(any_number(random));
    a.push_back(random.uniform(0, 30));
    b.push_back(random.uniform(-9, 9));
  }
  const auto n = static_cast<int64_t>(a.size());
  each_table([&](const KernelTable& t) {
    for (int f = 0; f < kBinaries; ++f) {
      SCOPED_TRACE("binary " + std::to_string(f));
      const auto op = static_cast<Binary>(f);
      const int64_t bound = op == Binary::kPow ? 4 : 0;
      const BinaryRows rows = binary_rows(op, t);
      auto close = [&](float got, float x, float y) {
        return ulp_distance(got, static_cast<float>(reference::binary(op, x, y))) <= bound;
      };
      std::vector<float> out(a.size());
      rows.vv(a.data(), b.data(), out.data(), n);
      for (size_t i = 0; i < a.size(); ++i)
        ASSERT_TRUE(close(out[i], a[i], b[i])) << a[i] << ' ' << b[i] << ' ' << out[i];
      for (float s : {2.f, 0.5f, -1.f, 0.f, 3.f, -1.7f, kNan, kInf}) {
        rows.vs(a.data(), &s, out.data(), n);
        for (size_t i = 0; i < a.size(); ++i) ASSERT_TRUE(close(out[i], a[i], s)) << a[i] << ' ' << s << ' ' << out[i];
        rows.sv(&s, b.data(), out.data(), n);
        for (size_t i = 0; i < a.size(); ++i) ASSERT_TRUE(close(out[i], s, b[i])) << s << ' ' << b[i] << ' ' << out[i];
      }
      for (int64_t k = 0; k < 36; ++k) {
        Guarded<float> x(std::span<const float>(a.data() + 99, static_cast<size_t>(k)));
        Guarded<float> y(std::span<const float>(b.data() + 99, static_cast<size_t>(k))), z(k);
        rows.vv(x.data(), y.data(), z.data(), k);
        for (int64_t i = 0; i < k; ++i) ASSERT_TRUE(close(z[i], x[i], y[i]));
        Guarded<float> one(1, 2.f);
        rows.vs(x.data(), one.data(), z.data(), k);
        for (int64_t i = 0; i < k; ++i) ASSERT_TRUE(close(z[i], x[i], 2.f));
        rows.sv(one.data(), y.data(), y.data(), k);
      }
    }
  });
}

TEST(Rows, NothingIsReadForNoElements) {
  each_table([](const KernelTable& t) {
    const Guarded<float> none(0);  // its first element already faults
    for (int f = 0; f < kBinaries; ++f) {
      const BinaryRows rows = binary_rows(static_cast<Binary>(f), t);
      rows.vv(none.data(), none.data(), none.data(), 0);
      rows.vs(none.data(), none.data(), none.data(), 0);
      rows.sv(none.data(), none.data(), none.data(), 0);
    }
    requantize_row(Guarded<int32_t>(0).data(), Guarded<uint8_t>(0).data(), 0, none.data(), false, 0, t);
  });
}

TEST(Rows, RootOfMinusZeroIsZero) {
  each_table([](const KernelTable& t) {
    const float zeros[] = {-0.f, 0.f}, half = 0.5f;
    float y[2];
    binary_rows(Binary::kPow, t).vs(zeros, &half, y, 2);
    EXPECT_TRUE(y[0] == 0 && !std::signbit(y[0]) && y[1] == 0 && !std::signbit(y[1]));
  });
}

TEST(Rows, Fma) {
  each_table([](const KernelTable& t) {
    for (int64_t n : {0, 1, 15, 33}) {
      auto a = test::random_floats(n, 1), b = test::random_floats(n, 2), c = test::random_floats(n, 3);
      Guarded<float> out(n);
      fma_row(a.data(), b.data(), c.data(), out.data(), n, t);
      for (int64_t i = 0; i < n; ++i) EXPECT_NEAR(out[i], static_cast<double>(a[i]) * b[i] + c[i], 1.2e-7) << i;
    }
  });
}

TEST(Rows, EveryHalfAndBack) {
  each_table([](const KernelTable& t) {
    Guarded<Half> in(65536), back(65536);
    Guarded<float> f(65536);
    for (int i = 0; i < 65536; ++i) in[i] = {static_cast<uint16_t>(i)};
    to_float_row(in.data(), f.data(), 65536, t);
    from_float_row(f.data(), back.data(), 65536, t);
    for (int i = 0; i < 65536; ++i) {
      EXPECT_EQ(ulp_distance(f[i], to_float(in[i])), 0) << i;
      EXPECT_TRUE(std::isnan(f[i]) ? std::isnan(to_float(back[i])) : back[i].bits == in[i].bits) << i;
    }
    Guarded<BFloat16> bin(65536), bback(65536);
    for (int i = 0; i < 65536; ++i) bin[i] = {static_cast<uint16_t>(i)};
    to_float_row(bin.data(), f.data(), 65536, t);
    from_float_row(f.data(), bback.data(), 65536, t);
    for (int i = 0; i < 65536; ++i) {
      EXPECT_EQ(ulp_distance(f[i], to_float(bin[i])), 0) << i;
      EXPECT_TRUE(std::isnan(f[i]) ? std::isnan(to_float(bback[i])) : bback[i].bits == bin[i].bits) << i;
    }
  });
}

TEST(Rows, HalfRounding) {
  auto x = samples();
  for (int i = 0; i < 65000; i += 7) {  // around every half: below, at and above the middle to the next one
    const float a = to_float(Half{static_cast<uint16_t>(i)}), b = to_float(Half{static_cast<uint16_t>(i + 1)});
    const float mid = (a + b) / 2;
    x.insert(x.end(), {mid, std::nextafter(mid, 1e9f), std::nextafter(mid, -1e9f)});
  }
  const auto n = static_cast<int64_t>(x.size());
  each_table([&](const KernelTable& t) {
    std::vector<Half> h(x.size());
    std::vector<BFloat16> b(x.size());
    from_float_row(x.data(), h.data(), n, t);
    from_float_row(x.data(), b.data(), n, t);
    for (size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i])) {
        EXPECT_TRUE(std::isnan(to_float(h[i])) && std::isnan(to_float(b[i])));
        continue;
      }
      ASSERT_EQ(h[i].bits, to_half(x[i]).bits) << x[i];
      ASSERT_EQ(b[i].bits, to_bfloat16(x[i]).bits) << x[i];
    }
    for (int64_t k = 0; k < 36; ++k) {
      Guarded<float> in(std::span<const float>(x.data() + 50, static_cast<size_t>(k))), back(k);
      Guarded<Half> out(k);
      from_float_row(in.data(), out.data(), k, t);
      to_float_row(out.data(), back.data(), k, t);
      for (int64_t i = 0; i < k; ++i) EXPECT_EQ(ulp_distance(back[i], to_float(to_half(in[i]))), 0);
    }
  });
}

template <class T>
T saturate(double v) {
  return static_cast<T>(std::clamp<double>(v, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

template <class T>
void check_quantize(const KernelTable& t) {
  std::vector<float> x = {0.f, -0.f, 0.05f, 0.15f, 0.25f, -0.05f, -0.15f, 12.75f, 1e9f, -1e9f, kInf, -kInf, 300.f};
  test::Random random(5);
  for (int i = 0; i < 500; ++i) x.push_back(random.uniform(-40, 40));
  for (int32_t zero : {0, 3, std::is_signed_v<T> ? -128 : 128}) {
    for (int64_t n : {0, 1, 7, 16, 31, 500}) {
      Guarded<float> in(std::span<const float>(x.data(), static_cast<size_t>(n))), back(n);
      Guarded<T> q(n);
      quantize_row(in.data(), q.data(), n, 0.1f, zero, t);
      dequantize_row(q.data(), back.data(), n, 0.1f, zero, t);
      Guarded<int32_t> acc(n);
      for (int64_t i = 0; i < n; ++i) {
        ASSERT_EQ(q[i], saturate<T>(std::nearbyint(in[i] / 0.1f) + zero)) << in[i];
        ASSERT_EQ(back[i], static_cast<float>(q[i] - zero) * 0.1f);
        acc[i] = static_cast<int32_t>(random.bits()) >> (i % 20);
      }
      auto scale = test::random_floats(std::max<int64_t>(n, 1), 4, 1e-4f, 1e-2f);
      for (bool per_column : {false, true}) {
        requantize_row(acc.data(), q.data(), n, scale.data(), per_column, zero, t);
        for (int64_t i = 0; i < n; ++i)
          ASSERT_EQ(q[i], saturate<T>(std::nearbyint(static_cast<float>(acc[i]) * scale[per_column ? i : 0]) + zero))
              << acc[i];
      }
    }
  }
  T q;
  quantize_row(&kNan, &q, 1, 1.f, 0, t);
  EXPECT_EQ(q, std::numeric_limits<T>::min());
}

TEST(Rows, Quantize) {
  each_table([](const KernelTable& t) {
    check_quantize<uint8_t>(t);
    check_quantize<int8_t>(t);
  });
}

}  // namespace
}  // namespace tenon::kernels::rows_test
