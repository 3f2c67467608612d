// Resampling of one axis.
#include "kernels/interpolate.h"

#include <algorithm>
#include <cstring>

namespace tenon::kernels {
namespace {

/// One result row of `inner` values, inner > 1.
template <class T>
void sum_row(const AxisSum<T>& a, const T* x, const int64_t* index, const T* weight, T* __restrict y) {
  const int64_t n = a.inner;
  const T* r0 = x + index[0] * n;
  const T w0 = weight[0];
  if (a.taps == 2) {  // tuning: choice of path
    const T* r1 = x + index[1] * n;
    const T w1 = weight[1];
    for (int64_t i = 0; i < n; ++i) y[i] = w0 * r0[i] + w1 * r1[i];
    return;
  }
  for (int64_t i = 0; i < n; ++i) y[i] = w0 * r0[i];
  for (int64_t t = 1; t < a.taps; ++t) {
    const T* r = x + index[t] * n;
    const T w = weight[t];
    for (int64_t i = 0; i < n; ++i) y[i] += w * r[i];
  }
}

/// All results of one line of contiguous values (inner = 1).
template <class T>
void sum_line(const AxisSum<T>& a, const T* x, T* __restrict y) {
  if (a.taps == 2) {  // tuning: choice of path
    for (int64_t j = 0; j < a.out; ++j) {
      const int64_t i = a.index[2 * j];
      y[j] = i < 0 ? a.outside : a.weight[2 * j] * x[i] + a.weight[2 * j + 1] * x[a.index[2 * j + 1]];
    }
    return;
  }
  for (int64_t j = 0; j < a.out; ++j) {
    const int64_t* index = a.index + j * a.taps;
    if (index[0] < 0) {
      y[j] = a.outside;
      continue;
    }
    T sum = 0;
    for (int64_t t = 0; t < a.taps; ++t) sum += a.weight[j * a.taps + t] * x[index[t]];
    y[j] = sum;
  }
}

template <class U>
void pick(const AxisPick& a, const void* x, void* y, const Parallel& par) {
  const U *in = static_cast<const U*>(x), outside = a.outside ? *static_cast<const U*>(a.outside) : U{};
  U* out = static_cast<U*>(y);
  if (a.inner == 1) {
    par.loop(a.outer, static_cast<double>(a.out), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        const U* line = in + o * a.in;
        U* __restrict to = out + o * a.out;
        for (int64_t j = 0; j < a.out; ++j) to[j] = a.index[j] < 0 ? outside : line[a.index[j]];
      }
    });
    return;
  }
  par.loop(a.outer * a.out, 5 + 0.1 * static_cast<double>(a.inner), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t j = r % a.out;
      if (a.index[j] < 0)
        std::fill_n(out + r * a.inner, a.inner, outside);
      else
        std::memcpy(out + r * a.inner, in + (r / a.out * a.in + a.index[j]) * a.inner,
                    static_cast<size_t>(a.inner) * sizeof(U));
    }
  });
}

struct Bytes16 {
  uint64_t half[2];
};

}  // namespace

template <class T>
void sum_axis(const AxisSum<T>& a, const T* x, T* y, const Parallel& par) {
  if (a.outer * a.out * a.inner == 0) return;
  if (a.inner == 1) {
    par.loop(a.outer, static_cast<double>(a.out * a.taps), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) sum_line(a, x + o * a.in, y + o * a.out);
    });
    return;
  }
  par.loop(a.outer * a.out, 0.3 * static_cast<double>(a.inner * a.taps), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t j = r % a.out, *index = a.index + j * a.taps;
      T* to = y + r * a.inner;
      if (index[0] < 0)
        std::fill_n(to, a.inner, a.outside);
      else
        sum_row(a, x + r / a.out * a.in * a.inner, index, a.weight + j * a.taps, to);
    }
  });
}
template void sum_axis(const AxisSum<float>&, const float*, float*, const Parallel&);
template void sum_axis(const AxisSum<double>&, const double*, double*, const Parallel&);

void pick_axis(const AxisPick& a, const void* x, void* y, size_t elem, const Parallel& par) {
  if (a.outer * a.out * a.inner == 0) return;
  switch (elem) {
    case 1:
      return pick<uint8_t>(a, x, y, par);
    case 2:
      return pick<uint16_t>(a, x, y, par);
    case 4:
      return pick<uint32_t>(a, x, y, par);
    case 8:
      return pick<uint64_t>(a, x, y, par);
    default:
      return pick<Bytes16>(a, x, y, par);
  }
}

}  // namespace tenon::kernels
