// Fourier transforms of every kind of length against the definition.
#include "kernels/fft.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/op_runner.h"

namespace tenon::kernels::fft_test {
namespace {

using Signal = std::vector<Complex>;

Signal random_signal(int64_t n, uint32_t seed) {
  const auto v = test::random_numbers(static_cast<size_t>(2 * n), -1, 1, seed);
  Signal s(static_cast<size_t>(n));
  for (size_t i = 0; i < s.size(); ++i) s[i] = {v[2 * i], v[2 * i + 1]};
  return s;
}

Signal by_definition(const Signal& x) {
  const size_t n = x.size();
  Signal out(n);
  for (size_t k = 0; k < n; ++k)
    for (size_t t = 0; t < n; ++t) {
      const double angle = -2 * M_PI * static_cast<double>(k * t % n) / static_cast<double>(n);
      out[k] = out[k] + Complex{std::cos(angle), std::sin(angle)} * x[t];
    }
  return out;
}

void expect_near(const Signal& a, const Signal& b, double bound, int64_t n) {
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_NEAR(a[i].re, b[i].re, bound) << "length " << n << ", term " << i;
    ASSERT_NEAR(a[i].im, b[i].im, bound) << "length " << n << ", term " << i;
  }
}

// All small lengths: radix 2, 3, 4, other primes up to 31, and Bluestein from 37 on (37, 41, 74, 111, ...).
TEST(Fft, EveryLengthUpTo130) {
  for (int64_t n = 1; n <= 130; ++n) {
    const Signal x = random_signal(n, 7);
    const Fft fft(n);
    Signal y = x, work(static_cast<size_t>(fft.scratch()));
    fft.forward(y.data(), work.data());
    expect_near(y, by_definition(x), 1e-12, n);
    fft.inverse(y.data(), work.data());
    expect_near(y, x, 1e-14 * 10, n);
  }
}

TEST(Fft, RealLengthsUpTo130) {
  for (int64_t n = 1; n <= 130; ++n) {
    Signal x = random_signal(n, 3);
    std::vector<double> real;
    for (Complex& v : x) {
      v.im = 0;
      real.push_back(v.re);
    }
    const RealFft fft(n);
    Signal y(static_cast<size_t>(n / 2 + 1)), work(static_cast<size_t>(fft.scratch()));
    fft.forward(real.data(), y.data(), work.data());
    Signal want = by_definition(x);
    want.resize(y.size());
    expect_near(y, want, 1e-12, n);
  }
}

TEST(Fft, LongLengthsRoundTrip) {
  for (int64_t n : {int64_t{4096}, int64_t{10007}, int64_t{65536}, int64_t{44100}, int64_t{2 * 3 * 5 * 7 * 11 * 13}}) {
    const Signal x = random_signal(n, 5);
    const Fft fft(n);
    Signal y = x, work(static_cast<size_t>(fft.scratch()));
    fft.forward(y.data(), work.data());
    double energy = 0, spectrum = 0;  // Parseval
    for (size_t i = 0; i < x.size(); ++i) {
      energy += x[i].re * x[i].re + x[i].im * x[i].im;
      spectrum += y[i].re * y[i].re + y[i].im * y[i].im;
    }
    EXPECT_NEAR(spectrum / static_cast<double>(n), energy, 1e-10 * energy) << n;
    fft.inverse(y.data(), work.data());
    expect_near(y, x, 1e-13, n);
  }
}

TEST(Fft, RefusesLengths) {
  EXPECT_NE(test::error_of([] { Fft(0); }).find("length 0"), std::string::npos);
  EXPECT_NE(test::error_of([] { Fft(Fft::kMaxLength + 1); }).find("length"), std::string::npos);
}

}  // namespace
}  // namespace tenon::kernels::fft_test
