// What MaxPool, AveragePool and LpPool share: inference, and plain loops for the types and ranks without a kernel.
#pragma once
#include "kernels/pool.h"
#include "ops/kernel.h"
#include "ops/rows.h"
#include "ops/window.h"

namespace tenon::ops {

/// Output 0 = [N, C, out...] of input 0's type; output 1 (MaxPool's indices) has the same dims, int64.
inline void infer_pool(InferContext& c) {
  if (!c.has_rank(0)) {
    c.set_unranked(0, c.dtype(0));
    return c.set_unranked(1, DType::kInt64);
  }
  const Dims& x = c.dims(0);
  if (x.size() < 3) fail("X has rank {}, expected at least 3 (batch, channels, spatial dims)", x.size());
  const Window w(c.attrs(), x.size() - 2);
  Dims out{x[0], x[1]};
  for (size_t i = 0; i < w.axes(); ++i) out.push_back(w.out(c, i, x[i + 2]));
  c.set(1, DType::kInt64, out);
  c.set(0, c.dtype(0), std::move(out));
}

/// Concrete geometry of a pool of any rank.
struct PoolBox {
  int64_t planes;
  Dims in, out, kernel, stride, dilation, pad, pad_end;

  PoolBox(const Window& w, std::span<const int64_t> x, std::span<const int64_t> y)
      : planes(x[0] * x[1]),
        in(x.subspan(2)),
        out(y.subspan(2)),
        kernel(w.kernel),
        stride(w.stride),
        dilation(w.dilation) {
    for (size_t i = 0; i < w.axes(); ++i) {
      pad.push_back(w.pad_begin(i, in[i], out[i]));
      pad_end.push_back(w.pad_end(i, in[i], out[i]));
    }
  }

  /// Arguments of the fp32 kernels (up to kMaxSpatial axes).
  kernels::PoolArgs args(const float* x, float* y) const {
    kernels::PoolArgs a;
    a.rank = static_cast<int>(in.size());
    a.planes = planes;
    for (size_t i = 0; i < in.size(); ++i) {
      a.in[i] = in[i], a.out[i] = out[i], a.kernel[i] = kernel[i], a.stride[i] = stride[i];
      a.dilation[i] = dilation[i], a.pad[i] = pad[i], a.pad_end[i] = pad_end[i];
    }
    a.x = x, a.y = y;
    return a;
  }

  /// body(plane, index in the output plane, at) for every window, in parallel over planes.
  template <class Body>
  void for_windows(const Parallel& par, Body&& body) const;
  /// f(offset in the input plane, position) for the positions of window `at` that lie inside X.
  template <class F>
  void for_taps(const Dims& at, F&& f) const;
  /// Positions of window `at` inside [-pad, in + pad_end).
  int64_t padded_positions(const Dims& at) const;
};

template <class Body>
void PoolBox::for_windows(const Parallel& par, Body&& body) const {
  const int64_t count = element_count(out), taps = element_count(kernel);
  par.loop(planes, static_cast<double>(count) * static_cast<double>(taps) * 2, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      Dims at(out.size(), 0);
      for (int64_t o = 0; o < count; ++o) {
        body(plane, o, at);
        for (size_t i = at.size(); i-- > 0 && ++at[i] == out[i];) at[i] = 0;
      }
    }
  });
}

template <class F>
void PoolBox::for_taps(const Dims& at, F&& f) const {
  Dims tap(kernel.size(), 0), position(kernel.size(), 0);
  const int64_t taps = element_count(kernel);
  for (int64_t t = 0; t < taps; ++t) {
    int64_t offset = 0;
    bool inside = true;
    for (size_t i = 0; i < tap.size(); ++i) {
      position[i] = at[i] * stride[i] + tap[i] * dilation[i] - pad[i];
      inside = inside && position[i] >= 0 && position[i] < in[i];
      offset = offset * in[i] + position[i];
    }
    if (inside) f(offset, position);
    for (size_t i = tap.size(); i-- > 0 && ++tap[i] == kernel[i];) tap[i] = 0;
  }
}

inline int64_t PoolBox::padded_positions(const Dims& at) const {
  int64_t n = 1;
  for (size_t i = 0; i < at.size(); ++i) {
    int64_t inside = 0;
    for (int64_t k = 0; k < kernel[i]; ++k)
      inside += at[i] * stride[i] + k * dilation[i] - pad[i] < in[i] + pad_end[i] ? 1 : 0;
    n *= inside;
  }
  return n;
}

/// Ports of pools without indices.
template <DTypeSet T>
struct PoolPorts {
  static constexpr Port kIn[] = {{"X", T}}, kOut[] = {{"Y", T}};
};

}  // namespace tenon::ops
