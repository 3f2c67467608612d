// Convolution of any rank and type by plain loops: what kernels/conv.h does not cover (double, over 3 spatial dims).
#pragma once
#include <algorithm>

#include "base/shape.h"
#include "base/thread_pool.h"

namespace tenon::ops {

/// X [batch, in_channels, in...], Y [batch, out_channels, out...]; `pad` = begin padding. W is
/// [out_channels, in_channels / groups, kernel...], transposed: [in_channels, out_channels / groups, kernel...].
template <class T>
struct PlainConv {
  bool transposed = false;
  int64_t batch = 1, in_channels = 1, out_channels = 1, groups = 1;
  Dims in, out, kernel, stride, dilation, pad;
  const T *x = nullptr, *w = nullptr, *bias = nullptr;
  T* y = nullptr;

  void run(const Parallel& par) const;

 private:
  void add_tap(const Dims& tap, T weight, const T* x_plane, T* y_plane) const;
};

/// Steps `index` through the box `dims` in row-major order; false after the last position.
inline bool next_index(Dims& index, const Dims& dims) {
  for (size_t i = dims.size(); i-- > 0;) {
    if (++index[i] < dims[i]) return true;
    index[i] = 0;
  }
  return false;
}

/// Adds weight * x over all positions that one kernel tap joins: wide = narrow * stride + tap * dilation - pad, where
/// the narrow side is Y (convolution) or X (transposed).
template <class T>
void PlainConv<T>::add_tap(const Dims& tap, T weight, const T* x_plane, T* y_plane) const {
  const Dims &narrow = transposed ? in : out, &wide = transposed ? out : in;
  const size_t last = narrow.size() - 1;
  const int64_t s = stride[last], shift = tap[last] * dilation[last] - pad[last];
  const int64_t begin = shift >= 0 ? 0 : (-shift + s - 1) / s;
  const int64_t end = std::min(narrow[last], shift >= wide[last] ? 0 : (wide[last] - shift + s - 1) / s);
  Dims outer(std::span<const int64_t>(narrow).first(last)), at(last, 0);
  do {
    int64_t narrow_row = 0, wide_row = 0;
    bool inside = true;
    for (size_t i = 0; i < last; ++i) {
      const int64_t p = at[i] * stride[i] + tap[i] * dilation[i] - pad[i];
      inside = inside && p >= 0 && p < wide[i];
      narrow_row = narrow_row * narrow[i] + at[i];
      wide_row = wide_row * wide[i] + p;
    }
    if (!inside) continue;
    const int64_t n0 = narrow_row * narrow[last], w0 = wide_row * wide[last] + shift;
    if (transposed)
      for (int64_t j = begin; j < end; ++j) y_plane[w0 + j * s] += weight * x_plane[n0 + j];
    else
      for (int64_t j = begin; j < end; ++j) y_plane[n0 + j] += weight * x_plane[w0 + j * s];
  } while (next_index(at, outer));
}

template <class T>
void PlainConv<T>::run(const Parallel& par) const {
  const int64_t in_plane = element_count(in), out_plane = element_count(out), taps = element_count(kernel);
  const int64_t in_group = in_channels / groups, out_group = out_channels / groups;
  if (out_plane == 0) return;
  par.loop(batch * out_channels, static_cast<double>(in_group * taps) * static_cast<double>(out_plane),
           [&](int64_t first, int64_t end) {
             for (int64_t plane = first; plane < end; ++plane) {
               const int64_t n = plane / out_channels, m = plane % out_channels, group = m / out_group;
               T* y_plane = y + plane * out_plane;
               std::fill_n(y_plane, out_plane, bias ? bias[m] : T{0});
               if (in_plane == 0) continue;
               for (int64_t c = 0; c < in_group; ++c) {
                 const int64_t channel = group * in_group + c;
                 const int64_t filter = transposed ? channel * out_group + m % out_group : m * in_group + c;
                 Dims tap(kernel.size(), 0);
                 const T* weight = w + filter * taps;
                 do add_tap(tap, *weight++, x + (n * in_channels + channel) * in_plane, y_plane);
                 while (next_index(tap, kernel));
               }
             }
           });
}

}  // namespace tenon::ops
