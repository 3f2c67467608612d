// Stockham's passes (sorted results without a permutation), Bluestein's convolution with a chirp.
#include "kernels/fft.h"

#include <cmath>
#include <utility>

#include "base/error.h"

namespace tenon::kernels {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int64_t kLargestFactor = 31;  // beyond, the square of the factor costs more than the convolution

/// exp(-2 pi i t / n), from the first eighth of the circle, where sine and cosine are most accurate.
Complex root(int64_t t, int64_t n) {
  const int64_t eighth = 8 * t / n;
  // Angles are measured from the nearest quarter turn: (t - q n / 4) in units of a quarter of 1 / n.
  const int64_t quarter = (eighth + 1) / 2;
  const double angle = 2 * kPi * (static_cast<double>(4 * t - quarter * n) / (4 * static_cast<double>(n)));
  const double c = std::cos(angle), s = std::sin(angle);
  switch (quarter % 4) {
    case 0:
      return {c, -s};
    case 1:
      return {-s, -c};
    case 2:
      return {-c, s};
    default:
      return {s, c};
  }
}

/// Multiplied by -i.
constexpr Complex turned(Complex a) { return {a.im, -a.re}; }

/// y[q + s (r p + j)] = w^(s p j) sum_k x[q + s (p + m k)] exp(-2 pi i j k / r), for q < s, p < m.
template <int R>
void pass(const Complex* x, Complex* y, const Complex* w, int64_t m, int64_t s) {
  for (int64_t p = 0; p < m; ++p) {
    Complex t[R];
    for (int j = 1; j < R; ++j) t[j] = w[s * p * j];
    const Complex* in = x + s * p;
    Complex* out = y + s * R * p;
    for (int64_t q = 0; q < s; ++q) {
      if constexpr (R == 2) {
        const Complex a = in[q], b = in[q + s * m];
        out[q] = a + b;
        out[q + s] = t[1] * (a - b);
      } else if constexpr (R == 3) {
        const Complex a = in[q], b = in[q + s * m], c = in[q + 2 * s * m];
        const Complex sum = b + c, mid = a - 0.5 * sum;
        const Complex turn = turned(0.86602540378443864676 * (b - c));
        out[q] = a + sum;
        out[q + s] = t[1] * (mid + turn);
        out[q + 2 * s] = t[2] * (mid - turn);
      } else if constexpr (R == 5) {
        constexpr double c1 = 0.30901699437494742410, c2 = -0.80901699437494742410;
        constexpr double s1 = 0.95105651629515357212, s2 = 0.58778525229247312917;
        const Complex a = in[q], b = in[q + s * m], c = in[q + 2 * s * m], d = in[q + 3 * s * m], e = in[q + 4 * s * m];
        const Complex outer = b + e, inner = c + d, far = b - e, near = c - d;
        const Complex p1 = a + c1 * outer + c2 * inner, p2 = a + c2 * outer + c1 * inner;
        const Complex turn1 = turned(s1 * far + s2 * near), turn2 = turned(s2 * far - s1 * near);
        out[q] = a + outer + inner;
        out[q + s] = t[1] * (p1 + turn1);
        out[q + 2 * s] = t[2] * (p2 + turn2);
        out[q + 3 * s] = t[3] * (p2 - turn2);
        out[q + 4 * s] = t[4] * (p1 - turn1);
      } else {
        static_assert(R == 4);
        const Complex a = in[q], b = in[q + s * m], c = in[q + 2 * s * m], d = in[q + 3 * s * m];
        const Complex even = a + c, odd = b + d, even_turn = a - c, odd_turn = turned(b - d);
        out[q] = even + odd;
        out[q + s] = t[1] * (even_turn + odd_turn);
        out[q + 2 * s] = t[2] * (even - odd);
        out[q + 3 * s] = t[3] * (even_turn - odd_turn);
      }
    }
  }
}

/// The same for any factor r <= kLargestFactor; n = r m s.
void pass_any(const Complex* x, Complex* y, const Complex* w, int64_t r, int64_t m, int64_t s) {
  Complex roots[kLargestFactor], in[kLargestFactor];
  for (int64_t k = 0; k < r; ++k) roots[k] = w[k * m * s];
  for (int64_t p = 0; p < m; ++p)
    for (int64_t q = 0; q < s; ++q) {
      for (int64_t k = 0; k < r; ++k) in[k] = x[q + s * (p + m * k)];
      for (int64_t j = 0; j < r; ++j) {
        Complex sum = in[0];
        for (int64_t k = 1, e = j; k < r; ++k) {
          sum = sum + roots[e] * in[k];
          e = e + j < r ? e + j : e + j - r;
        }
        y[q + s * (r * p + j)] = w[s * p * j] * sum;
      }
    }
}

void swap_parts(Complex* x, int64_t n, double scale) {
  for (int64_t i = 0; i < n; ++i) x[i] = {scale * x[i].im, scale * x[i].re};
}

}  // namespace

Fft::Fft(int64_t n) : n_(n) {
  if (n < 1 || n > kMaxLength) fail("a Fourier transform of length {}, expected 1 to {}", n, kMaxLength);
  int64_t rest = n;
  for (int64_t f : {4, 2, 3}) {
    for (; rest % f == 0; rest /= f) factors_.push_back(static_cast<int>(f));
  }
  for (int64_t f = 5; f <= kLargestFactor; f += 2)
    for (; rest % f == 0; rest /= f) factors_.push_back(static_cast<int>(f));
  if (rest == 1) {
    roots_.resize(static_cast<size_t>(n));
    for (int64_t t = 0; t < n; ++t) roots_[static_cast<size_t>(t)] = root(t, n);
    return;
  }
  chirp_.resize(static_cast<size_t>(n));
  int64_t square = 0;  // t^2 modulo 2n
  for (int64_t t = 0; t < n; ++t) {
    chirp_[static_cast<size_t>(t)] = root(square, 2 * n);
    square = (square + 2 * t + 1) % (2 * n);
  }
  int64_t length = 1;
  while (length < 2 * n - 1) length *= 2;
  inner_ = std::make_unique<const Fft>(length);
  filter_.resize(static_cast<size_t>(length));
  for (int64_t t = 0; t < n; ++t) {
    const Complex c = (1 / static_cast<double>(length)) * conj(chirp_[static_cast<size_t>(t)]);
    filter_[static_cast<size_t>(t)] = c;
    if (t > 0) filter_[static_cast<size_t>(length - t)] = c;
  }
  std::vector<Complex> work(static_cast<size_t>(inner_->scratch()));
  inner_->forward(filter_.data(), work.data());
}

void Fft::forward(Complex* x, Complex* scratch) const {
  if (chirp_.empty())
    mixed_radix(x, scratch);
  else
    bluestein(x, scratch);
}

void Fft::inverse(Complex* x, Complex* scratch) const {
  swap_parts(x, n_, 1);
  forward(x, scratch);
  swap_parts(x, n_, 1 / static_cast<double>(n_));
}

void Fft::mixed_radix(Complex* x, Complex* scratch) const {
  Complex *from = x, *to = scratch;
  int64_t m = n_, s = 1;
  for (int f : factors_) {
    m /= f;
    if (f == 4)
      pass<4>(from, to, roots_.data(), m, s);
    else if (f == 2)
      pass<2>(from, to, roots_.data(), m, s);
    else if (f == 3)
      pass<3>(from, to, roots_.data(), m, s);
    else if (f == 5)
      pass<5>(from, to, roots_.data(), m, s);
    else
      pass_any(from, to, roots_.data(), f, m, s);
    s *= f;
    std::swap(from, to);
  }
  if (from != x)
    for (int64_t i = 0; i < n_; ++i) x[i] = from[i];
}

void Fft::bluestein(Complex* x, Complex* scratch) const {
  const int64_t length = inner_->size();
  Complex *a = scratch, *work = scratch + length;
  for (int64_t t = 0; t < n_; ++t) a[t] = x[t] * chirp_[static_cast<size_t>(t)];
  for (int64_t t = n_; t < length; ++t) a[t] = {};
  inner_->forward(a, work);
  // The inverse transform as a forward one of swapped parts; its 1 / length is in the filter.
  for (int64_t k = 0; k < length; ++k) a[k] = a[k] * filter_[static_cast<size_t>(k)];
  swap_parts(a, length, 1);
  inner_->forward(a, work);
  swap_parts(a, length, 1);
  for (int64_t k = 0; k < n_; ++k) x[k] = a[k] * chirp_[static_cast<size_t>(k)];
}

RealFft::RealFft(int64_t n) : n_(n), fft_(n % 2 == 0 ? n / 2 : n) {
  if (n % 2 != 0) return;
  for (int64_t k = 0; k <= n / 4; ++k) roots_.push_back(root(k, n));
}

void RealFft::forward(const double* x, Complex* spectrum, Complex* scratch) const {
  Complex *z = scratch, *work = scratch + n_ + 1;
  if (n_ % 2 != 0) {
    for (int64_t t = 0; t < n_; ++t) z[t] = {x[t], 0};
    fft_.forward(z, work);
    for (int64_t k = 0; k <= n_ / 2; ++k) spectrum[k] = z[k];
    return;
  }
  const int64_t half = n_ / 2;
  for (int64_t t = 0; t < half; ++t) z[t] = {x[2 * t], x[2 * t + 1]};
  fft_.forward(z, work);
  z[half] = z[0];
  for (int64_t k = 0; k <= half / 2; ++k) {  // even and odd samples have spectra of their own, joined pair by pair
    const Complex even = 0.5 * (z[k] + conj(z[half - k])), odd = turned(0.5 * (z[k] - conj(z[half - k])));
    const Complex shifted = roots_[static_cast<size_t>(k)] * odd;
    spectrum[k] = even + shifted;
    spectrum[half - k] = conj(even - shifted);
  }
}

}  // namespace tenon::kernels
