// Fourier transforms of any length in double: mixed radix for lengths of small primes, Bluestein's for the rest.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace tenon::kernels {

/// A complex number without the NaN repairs that std::complex makes in every product.
struct Complex {
  double re = 0, im = 0;
  friend Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
  friend Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
  friend Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
  friend Complex operator*(double a, Complex b) { return {a * b.re, a * b.im}; }
};
constexpr Complex conj(Complex a) { return {a.re, -a.im}; }

/// X[k] = sum_t x[t] exp(-2 pi i k t / n), O(n log n) for every n. Immutable and shared by threads; tables take 16
/// bytes per element of n (about 100 for lengths with a prime factor over 31). Errors are about 1e-16 of the signal's
/// norm times log n.
class Fft {
 public:
  /// 1 <= n <= kMaxLength.
  explicit Fft(int64_t n);
  static constexpr int64_t kMaxLength = int64_t{1} << 40;

  int64_t size() const { return n_; }
  /// Complex numbers of working memory that one call needs.
  int64_t scratch() const { return chirp_.empty() ? n_ : 2 * inner_->size(); }
  /// In place.
  void forward(Complex* x, Complex* scratch) const;
  /// x[t] = 1/n sum_k X[k] exp(2 pi i k t / n), in place.
  void inverse(Complex* x, Complex* scratch) const;

 private:
  void mixed_radix(Complex* x, Complex* scratch) const;
  void bluestein(Complex* x, Complex* scratch) const;

  int64_t n_;
  std::vector<int> factors_;
  std::vector<Complex> roots_;        ///< exp(-2 pi i t / n)
  std::vector<Complex> chirp_;        ///< exp(-pi i t^2 / n); empty for mixed radix
  std::vector<Complex> filter_;       ///< spectrum of the conjugate chirp, over the inner length
  std::unique_ptr<const Fft> inner_;  ///< convolves with the filter
};

/// The first n / 2 + 1 terms of the transform of n real numbers, by a transform of half the length where n is even.
class RealFft {
 public:
  explicit RealFft(int64_t n);
  int64_t size() const { return n_; }
  int64_t scratch() const { return n_ + 1 + fft_.scratch(); }
  void forward(const double* x, Complex* spectrum, Complex* scratch) const;

 private:
  int64_t n_;
  Fft fft_;
  std::vector<Complex> roots_;  ///< exp(-2 pi i k / n) for k <= n / 4, n even
};

}  // namespace tenon::kernels
