// DFT: the discrete Fourier transform along one axis, forward or inverse, of real or complex signals, one-sided or not.
#include <cmath>

#include "ops/signal/fourier.h"

namespace tenon::ops::dft {
namespace {

using namespace fourier;
using kernels::Complex;

enum In : size_t { kSignal, kLength, kAxis };

/// The axis as a dim of the signal; the last dim holds the parts of a number.
size_t signal_axis(int64_t axis, size_t rank) {
  const int64_t r = static_cast<int64_t>(rank);
  if (axis < -r || axis == -1 || axis > r - 2)
    fail("axis {} out of range [{}, -2] or [0, {}]: the last dim holds the parts of a number", axis, -r, r - 2);
  return static_cast<size_t>(axis < 0 ? axis + r : axis);
}

void infer(InferContext& c) {
  const bool inverse = flag(c.attrs(), "inverse", 0), onesided = flag(c.attrs(), "onesided", 0);
  for (size_t i : {size_t{kLength}, size_t{kAxis}})
    if (c.has_rank(i)) expect_equal(c, c.sym.product(c.dims(i)), 1, i == kLength ? "dft_length" : "axis");
  if (!c.has_rank(kSignal)) return c.set_unranked(0, c.dtype(kSignal));
  Dims d = c.dims(kSignal);
  if (d.size() < 2) fail("the signal has rank {}, expected at least 2 (signal, parts of a number)", d.size());
  expect_parts(d.back());
  if (onesided && d.back() == (inverse ? 1 : 2))
    fail("onesided = 1 and inverse = {} take a {} signal, found a last dim of {}", inverse ? 1 : 0,
         inverse ? "complex" : "real", d.back());
  std::optional<int64_t> axis = c.attrs().get_int("axis", c.since() < 20 ? 1 : -2);
  if (c.has_input(kAxis)) axis = c.scalar_int(kAxis);
  if (!axis || is_symbol(*axis)) {
    if (onesided || c.has_input(kLength)) d = fresh_dims(c, d.size());
  } else {
    const size_t at = signal_axis(*axis, d.size());
    int64_t n = d[at];
    if (onesided && inverse) n = c.sym.mul(2, c.sym.add(n, -1));
    if (c.has_input(kLength)) n = c.scalar_int(kLength).value_or(c.fresh());
    expect_length(n, "the length of the transform");
    d[at] = onesided && !inverse ? c.sym.add(c.sym.floor_div(n, 2), 1) : n;
  }
  d.back() = onesided && inverse ? 1 : 2;
  limit_elements(d);
  c.set(0, c.dtype(kSignal), std::move(d));
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : inverse_(info.attrs.get_int("inverse", 0) != 0),
        onesided_(info.attrs.get_int("onesided", 0) != 0),
        axis_(info.attrs.get_int("axis", info.since < 20 ? 1 : -2)) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(kSignal);
    Shape s;
    const size_t axis = signal_axis(c.has_input(kAxis) ? int_at(c.input(kAxis), 0) : axis_, x.rank);
    s.given = x.dim[axis];
    s.parts = x.dim[x.rank - 1];
    s.n = onesided_ && inverse_ ? 2 * (s.given - 1) : s.given;
    if (c.has_input(kLength)) s.n = int_at(c.input(kLength), 0);
    expect_length(s.n, "the length of the transform");
    s.inner = extent(x.dims(), axis + 1, x.rank - 1);
    s.bins = onesided_ && !inverse_ ? s.n / 2 + 1 : s.n;
    Dims d(x.dims());
    d[axis] = s.bins;
    d.back() = s.out_parts = onesided_ && inverse_ ? 1 : 2;
    const TensorRef& y = c.output(0, x.dtype, d);
    if (y.count == 0) return;
    visit<FloatTypes>(x.dtype, [&]<class T>() {
      if (s.parts == 1 && !inverse_)
        real(c, s, x.as<T>(), y.out<T>());
      else
        complex(c, s, x.as<T>(), y.out<T>());
    });
  }

 private:
  struct Shape {
    int64_t given, n, parts, inner, bins, out_parts;  ///< elements along the axis, length of the transform, ...
    /// First element of row r of a tensor with `extent` elements along the axis.
    int64_t base(int64_t r, int64_t extent) const { return r / inner * extent * inner + r % inner; }
  };
  static int64_t rows(const Shape& s, const TensorRef& y) { return y.count / (s.bins * s.out_parts); }

  template <class T>
  void real(KernelContext& c, const Shape& s, const T* x, T* y) const {
    const auto fft = real_.of(s.n);
    const int64_t used = std::min(s.given, s.n), half = s.n / 2;
    each_row(c, rows(s, c.output(0)), s.n, half + 1 + s.n + fft->scratch(), [&](int64_t r, Complex* work) {
      auto* signal = reinterpret_cast<double*>(work + half + 1);
      const T* in = x + s.base(r, s.given);
      for (int64_t t = 0; t < used; ++t) signal[t] = as_double(in[t * s.inner]);
      std::fill(signal + used, signal + s.n, 0.0);
      fft->forward(signal, work, work + half + 1 + s.n);
      T* out = y + 2 * s.base(r, s.bins);
      for (int64_t k = 0; k < s.bins; ++k) {
        const Complex v = k <= half ? work[k] : conj(work[s.n - k]);
        put(out[2 * k * s.inner], v.re);
        put(out[2 * k * s.inner + 1], v.im);
      }
    });
  }

  template <class T>
  void complex(KernelContext& c, const Shape& s, const T* x, T* y) const {
    const auto fft = complex_.of(s.n);
    const bool hermitian = onesided_ && inverse_;  // the other half of the spectrum is the conjugate of the first
    const int64_t used = std::min(s.given, hermitian ? s.n / 2 + 1 : s.n);
    each_row(c, rows(s, c.output(0)), s.n, s.n + fft->scratch(), [&](int64_t r, Complex* v) {
      const T* in = x + s.parts * s.base(r, s.given);
      for (int64_t t = 0; t < used; ++t) {
        const T* from = in + t * s.inner * s.parts;
        v[t] = {as_double(from[0]), s.parts == 2 ? as_double(from[1]) : 0};
      }
      std::fill(v + used, v + s.n, Complex{});
      for (int64_t k = 1; hermitian && k <= (s.n - 1) / 2; ++k) v[s.n - k] = conj(v[k]);
      if (inverse_)
        fft->inverse(v, v + s.n);
      else
        fft->forward(v, v + s.n);
      T* out = y + s.out_parts * s.base(r, s.bins);
      for (int64_t k = 0; k < s.bins; ++k) {
        T* to = out + k * s.inner * s.out_parts;
        put(to[0], v[k].re);
        if (s.out_parts == 2) put(to[1], v[k].im);
      }
    });
  }

  bool inverse_, onesided_;
  int64_t axis_;
  LastTransform<kernels::Fft> complex_;
  LastTransform<kernels::RealFft> real_;
};

constexpr Port kIn[] = {{"input", kFloatSet, "T1"},
                        {"dft_length", kIndexSet, "T2", PortUse::kOptional},
                        {"axis", kInt64Set, "", PortUse::kOptional}};
constexpr Port kOut[] = {{"output", kFloatSet, "T1"}};
constexpr AttrDef kAttrs17[] = {int_attr("axis", 1), int_attr("inverse", 0), int_attr("onesided", 0)};
constexpr AttrDef kAttrs20[] = {int_attr("inverse", 0), int_attr("onesided", 0)};
constexpr OpDef kOps[] = {
    {"DFT", "", 17, 19, std::span(kIn).first(2), kOut, kAttrs17, infer, make<Kernel>},
    {"DFT", "", 20, 0, kIn, kOut, kAttrs20, infer, make<Kernel>},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::dft
