// STFT: Fourier transforms of overlapping frames of a signal, each weighted by a window.
#include <cmath>

#include "ops/signal/fourier.h"

namespace tenon::ops::stft {
namespace {

using namespace fourier;
using kernels::Complex;

enum In : size_t { kSignal, kStep, kWindow, kLength };

int64_t frames_of(int64_t length, int64_t frame, int64_t step) {
  if (step < 1) fail("frame_step is {}, expected at least 1", step);
  if (frame > length) fail("frames of {} are longer than the signal of {}", frame, length);
  return (length - frame) / step + 1;
}

void infer(InferContext& c) {
  const bool onesided = flag(c.attrs(), "onesided", 1);
  for (size_t i : {size_t{kStep}, size_t{kLength}})
    if (c.has_rank(i)) expect_equal(c, c.sym.product(c.dims(i)), 1, i == kStep ? "frame_step" : "frame_length");
  expect_rank(c, kWindow, 1);
  int64_t batch = c.fresh(), length = c.fresh();
  if (c.has_rank(kSignal)) {
    const Dims& d = c.dims(kSignal);
    if (d.size() != 3 && d.size() != 2)  // exporters leave the 1 of real signals out
      fail("the signal has rank {}, expected 3 (batch, length, parts of a number)", d.size());
    batch = d[0], length = d[1];
    if (d.size() == 3) expect_parts(d[2]);
    if (d.size() == 3 && d[2] == 2 && onesided) fail("onesided = 1 takes a real signal, found a complex one");
  }
  int64_t frame = length;
  if (c.has_rank(kWindow)) frame = c.dims(kWindow)[0];
  if (c.has_input(kLength)) {
    const std::optional<int64_t> given = c.scalar_int(kLength);
    if (given && c.has_rank(kWindow)) expect_equal(c, *given, frame, "frame_length and the length of the window");
    if (given) frame = *given;
    if (!given && !c.has_rank(kWindow)) frame = c.fresh();
  }
  expect_length(frame, "frame_length");
  const std::optional<int64_t> step = c.scalar_int(kStep);
  int64_t frames = c.fresh();
  if (step && !is_symbol(*step) && !is_symbol(length) && !is_symbol(frame)) frames = frames_of(length, frame, *step);
  const Dims d{batch, frames, onesided ? c.sym.add(c.sym.floor_div(frame, 2), 1) : frame, 2};
  limit_elements(d);
  c.set(0, c.dtype(kSignal), d);
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info) : onesided_(info.attrs.get_int("onesided", 1) != 0) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(kSignal);
    int64_t n = x.dim[1];
    if (c.has_input(kWindow)) n = c.input(kWindow).count;
    if (c.has_input(kLength)) n = int_at(c.input(kLength), 0);
    expect_length(n, "frame_length");
    if (c.has_input(kWindow) && c.input(kWindow).count != n)
      fail("the window has {} values, expected frame_length = {}", c.input(kWindow).count, n);
    const int64_t step = int_at(c.input(kStep), 0), frames = frames_of(x.dim[1], n, step);
    const int64_t bins = onesided_ ? n / 2 + 1 : n;
    const TensorRef& y = c.output(0, x.dtype, Dims{x.dim[0], frames, bins, 2});
    if (y.count == 0) return;
    visit<FloatTypes>(x.dtype, [&]<class T>() {
      const T* window = c.has_input(kWindow) ? c.input(kWindow).as<T>() : nullptr;
      const auto weight = [&](int64_t t) { return window ? as_double(window[t]) : 1; };
      const T* signal = x.as<T>();
      T* out = y.out<T>();
      const auto finish = [&](int64_t r, int64_t k, Complex v) {
        put(out[2 * (r * bins + k)], v.re);
        put(out[2 * (r * bins + k) + 1], v.im);
      };
      if (x.rank == 3 && x.dim[2] == 2) {
        const auto fft = complex_.of(n);
        return each_row(c, x.dim[0] * frames, n, n + fft->scratch(), [&](int64_t r, Complex* v) {
          const T* from = signal + 2 * (r / frames * x.dim[1] + r % frames * step);
          for (int64_t t = 0; t < n; ++t)
            v[t] = weight(t) * Complex{as_double(from[2 * t]), as_double(from[2 * t + 1])};
          fft->forward(v, v + n);
          for (int64_t k = 0; k < bins; ++k) finish(r, k, v[k]);
        });
      }
      const auto fft = real_.of(n);
      const int64_t half = n / 2;
      each_row(c, x.dim[0] * frames, n, half + 1 + n + fft->scratch(), [&](int64_t r, Complex* v) {
        const T* from = signal + r / frames * x.dim[1] + r % frames * step;
        auto* frame = reinterpret_cast<double*>(v + half + 1);
        for (int64_t t = 0; t < n; ++t) frame[t] = weight(t) * as_double(from[t]);
        fft->forward(frame, v, v + half + 1 + n);
        for (int64_t k = 0; k < bins; ++k) finish(r, k, k <= half ? v[k] : conj(v[n - k]));
      });
    });
  }

 private:
  bool onesided_;
  LastTransform<kernels::Fft> complex_;
  LastTransform<kernels::RealFft> real_;
};

constexpr Port kIn[] = {{"signal", kFloatSet, "T1"},
                        {"frame_step", kIndexSet, "T2"},
                        {"window", kFloatSet, "T1", PortUse::kOptional},
                        {"frame_length", kIndexSet, "T2", PortUse::kOptional}};
constexpr Port kOut[] = {{"output", kFloatSet, "T1"}};
constexpr AttrDef kAttrs[] = {int_attr("onesided", 1)};
constexpr OpDef kOps[] = {{.name = "STFT",
                           .since = 17,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::stft
