// Resampling along axes: coordinates, taps, and one pass per axis that changes.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/interpolate.h"
#include "ops/move.h"
#include "ops/resample.h"
#include "ops/staging.h"

namespace tenon::ops::resize {
namespace {

/// Coordinate in the input of position `at` of the output.
double source(Coordinates mode, const Axis& a, double at) {
  const double in = static_cast<double>(a.in), out = static_cast<double>(a.out), scale = a.length / in;
  switch (mode) {
    case Coordinates::kHalfPixel:
      return (at + 0.5) * in / a.length - 0.5;
    case Coordinates::kPytorchHalfPixel:
      return a.out > 1 ? (at + 0.5) * in / a.length - 0.5 : 0;
    case Coordinates::kHalfPixelSymmetric:
      return in / 2 * (1 - out / a.length) + (at + 0.5) / scale - 0.5;
    case Coordinates::kAlignCorners:
      return a.length == 1 ? 0 : at * (in - 1) / (a.length - 1);
    case Coordinates::kAsymmetric:
      return at * in / a.length;
    case Coordinates::kTfHalfPixelForNn:
      return (at + 0.5) * in / a.length;
    case Coordinates::kTfCropAndResize:
      break;
  }
  if (a.out == 1) return 0.5 * (a.roi_start + a.roi_end) * (in - 1);
  return a.roi_start * (in - 1) + at * (a.roi_end - a.roi_start) * (in - 1) / (out - 1);
}

double pick(Nearest mode, double x, bool shrinks) {
  switch (mode) {
    case Nearest::kRoundPreferFloor:
      return std::ceil(x - 0.5);
    case Nearest::kRoundPreferCeil:
      return std::floor(x + 0.5);
    case Nearest::kFloor:
      return std::floor(x);
    case Nearest::kCeil:
      return std::ceil(x);
    case Nearest::kCeilWhenShrinking:
      return shrinks ? std::ceil(x) : std::floor(x);
  }
  return x;
}

bool outside(const Sampling& s, const Axis& a, double x) {
  return s.coordinates == Coordinates::kTfCropAndResize && (x < 0 || x > static_cast<double>(a.in - 1));
}

int64_t clamp_index(double x, int64_t in) {
  return static_cast<int64_t>(std::clamp(x, 0.0, static_cast<double>(in - 1)));
}

/// Weight of an input value at distance d (in units of the input, stretched when antialiasing shrinks).
double weight_at(const Sampling& s, double d) {
  d = std::abs(d);
  if (s.mode == Mode::kLinear) return d < 1 ? 1 - d : 0;
  const double a = static_cast<double>(s.cubic_a);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

struct Footprint {
  int64_t taps;
  double stretch;  ///< factor on distances, <= 1

  Footprint(const Sampling& s, const Axis& a) {
    const double reach = s.mode == Mode::kLinear ? 1 : 2, scale = a.length / static_cast<double>(a.in);
    stretch = s.antialias && scale < 1 ? scale : 1;
    taps = 2 * static_cast<int64_t>(-std::floor(-reach / stretch));
  }
};

/// Index and weight of every tap of every output position.
template <class T>
void fill_taps(const Sampling& s, const Axis& a, const Footprint& f, int64_t* index, T* weight) {
  for (int64_t j = 0; j < a.out; ++j, index += f.taps, weight += f.taps) {
    const double x = source(s.coordinates, a, static_cast<double>(j));
    if (outside(s, a, x)) {
      index[0] = -1;
      continue;
    }
    const double base = std::ceil(x) - static_cast<double>(f.taps / 2);  // taps stand around (base, x]
    double sum = 0;
    const auto raw = [&](int64_t t) {
      const double at = base + static_cast<double>(t);
      const bool off = at < 0 || at > static_cast<double>(a.in - 1);
      return s.exclude_outside && off ? 0 : weight_at(s, (at - x) * f.stretch);
    };
    for (int64_t t = 0; t < f.taps; ++t) sum += raw(t);
    if (sum == 0) sum = 1;
    for (int64_t t = 0; t < f.taps; ++t) {
      index[t] = clamp_index(base + static_cast<double>(t), a.in);
      weight[t] = static_cast<T>(raw(t) / sum);
    }
  }
}

bool changes(const Sampling& s, const Axis& a) {
  const bool crop = s.coordinates == Coordinates::kTfCropAndResize && (a.roi_start != 0 || a.roi_end != 1);
  return crop || a.in != a.out || a.length != static_cast<double>(a.out);
}

/// Axes that change, the most shrinking first and the last dims before the first ones: small tensors in between.
size_t order_axes(const Sampling& s, std::span<const Axis> axes, size_t* order) {
  size_t n = 0;
  for (size_t i = axes.size(); i-- > 0;)
    if (changes(s, axes[i])) order[n++] = i;
  const auto growth = [&](size_t i) { return static_cast<double>(axes[i].out) / static_cast<double>(axes[i].in); };
  for (size_t i = 1; i < n; ++i)
    for (size_t j = i; j > 0 && growth(order[j]) < growth(order[j - 1]); --j) std::swap(order[j], order[j - 1]);
  return n;
}

/// pass(axis, from, to, outer, inner) along each changing axis; the first reads x, the last writes y.
template <class Pass>
void for_passes(KernelContext& c, const Sampling& s, std::span<const Axis> axes, size_t elem, const void* x, void* y,
                Pass&& pass) {
  size_t* order = c.scratch<size_t>(static_cast<int64_t>(axes.size()) + 1);
  const size_t n = order_axes(s, axes, order);
  Dims now(axes.size(), 0);
  for (size_t i = 0; i < axes.size(); ++i) now[i] = axes[i].in;
  if (n == 0) {
    std::memcpy(y, x, static_cast<size_t>(element_count(now)) * elem);
    return;
  }
  const void* from = x;
  for (size_t k = 0; k < n; ++k) {
    const size_t a = order[k];
    const int64_t outer = extent(now, 0, a), inner = extent(now, a + 1, now.size());
    now[a] = axes[a].out;
    void* to = k + 1 == n ? y : c.scratch<char>(element_count(now) * static_cast<int64_t>(elem));
    pass(axes[a], from, to, outer, inner);
    from = to;
  }
}

int64_t* nearest_index(KernelContext& c, const Sampling& s, const Axis& a) {
  int64_t* index = c.scratch<int64_t>(a.out);
  for (int64_t j = 0; j < a.out; ++j) {
    const double x = source(s.coordinates, a, static_cast<double>(j));
    index[j] = outside(s, a, x) ? -1 : clamp_index(pick(s.nearest, x, a.length < static_cast<double>(a.in)), a.in);
  }
  return index;
}

/// Extrapolation value as one element of type t.
void write_number(DType t, float v, void* to) {
  if (t == DType::kFloat16) {
    *static_cast<Half*>(to) = to_half(v);
  } else if (t == DType::kBFloat16) {
    *static_cast<BFloat16*>(to) = to_bfloat16(v);
  } else if (t == DType::kBool) {
    *static_cast<bool*>(to) = v != 0;
  } else if (contains(kComplexSet, t)) {
    const std::complex<double> z(v);
    if (t == DType::kComplex64)
      *static_cast<std::complex<float>*>(to) = std::complex<float>(v);
    else
      *static_cast<std::complex<double>*>(to) = z;
  } else {
    visit<NumericTypes>(t, [&]<class T>() { *static_cast<T*>(to) = static_cast<T>(v); });
  }
}

void run_nearest(KernelContext& c, const Sampling& s, std::span<const Axis> axes) {
  const TensorRef &x = c.input(0), &y = c.output(0);
  if (x.dtype == DType::kString) {
    const int64_t** index = c.scratch<const int64_t*>(static_cast<int64_t>(axes.size()));
    for (size_t i = 0; i < axes.size(); ++i) index[i] = nearest_index(c, s, axes[i]);
    for (int64_t o = 0; o < y.count; ++o) {
      int64_t rest = o, from = 0, step = 1;
      bool off = false;
      for (size_t i = axes.size(); i-- > 0;) {
        const int64_t at = index[i][rest % axes[i].out];
        off = off || at < 0;
        from += at * step;
        step *= axes[i].in;
        rest /= axes[i].out;
      }
      y.out<std::string>()[o] = off ? std::string() : x.as<std::string>()[from];
    }
    return;
  }
  alignas(16) char value[16];
  write_number(x.dtype, s.extrapolation, value);
  const size_t elem = dtype_size(x.dtype);
  for_passes(c, s, axes, elem, x.data, y.data,
             [&](const Axis& a, const void* from, void* to, int64_t outer, int64_t inner) {
               kernels::AxisPick p;
               p.outer = outer, p.in = a.in, p.out = a.out, p.inner = inner;
               p.index = nearest_index(c, s, a);
               p.outside = value;
               kernels::pick_axis(p, from, to, elem, c.par);
             });
}

template <class T>
void interpolate(KernelContext& c, const Sampling& s, std::span<const Axis> axes, const T* x, T* y) {
  for_passes(c, s, axes, sizeof(T), x, y, [&](const Axis& a, const void* from, void* to, int64_t outer, int64_t inner) {
    const Footprint f(s, a);
    int64_t* index = c.scratch<int64_t>(a.out * f.taps);
    T* weight = c.scratch<T>(a.out * f.taps);
    fill_taps(s, a, f, index, weight);
    kernels::AxisSum<T> p;
    p.outer = outer, p.in = a.in, p.out = a.out, p.inner = inner;
    p.taps = f.taps;
    p.index = index, p.weight = weight;
    p.outside = static_cast<T>(s.extrapolation);
    kernels::sum_axis(p, static_cast<const T*>(from), static_cast<T*>(to), c.par);
  });
}

/// Integers and bool: computed as F, rounded half to even, clamped.
template <class F>
void interpolate_rounded(KernelContext& c, const Sampling& s, std::span<const Axis> axes,
                         const kernels::KernelTable& table) {
  const TensorRef& y = c.output(0);
  F* out = c.scratch<F>(y.count);
  interpolate(c, s, axes, load_as<F>(c, 0, table), out);
  if (y.dtype == DType::kBool) {
    for (int64_t i = 0; i < y.count; ++i) y.out<bool>()[i] = out[i] != 0;
    return;
  }
  visit<IntTypes>(y.dtype, [&]<class T>() {
    for (int64_t i = 0; i < y.count; ++i) {
      const F v = std::nearbyint(out[i]);
      using L = std::numeric_limits<T>;
      y.out<T>()[i] = v <= static_cast<F>(L::min())   ? L::min()
                      : v >= static_cast<F>(L::max()) ? L::max()
                                                      : static_cast<T>(v);
    }
  });
}

}  // namespace

Mode read_mode(std::string_view name) {
  if (name == "nearest") return Mode::kNearest;
  if (name == "linear" || name == "bilinear") return Mode::kLinear;
  if (name == "cubic") return Mode::kCubic;
  fail("attribute mode: '{}' found, expected nearest, linear or cubic", name);
}

int64_t scaled_extent(InferContext& c, int64_t in, float scale) {
  if (!is_symbol(in)) {
    const float n = std::floor(static_cast<float>(in) * scale);
    if (!(n < 9e15f)) fail("axis of {} elements: a scale of {} gives too many", in, scale);
    return static_cast<int64_t>(n);
  }
  int exponent = 0;
  const double m = std::frexp(static_cast<double>(scale), &exponent);  // exact while the quotient stays small
  for (int bits = 0; bits <= 6; ++bits) {
    const double top = std::ldexp(m, exponent + bits);
    if (top == std::floor(top) && top < 1024)
      return c.sym.floor_div(c.sym.mul(in, static_cast<int64_t>(top)), int64_t{1} << bits);
  }
  return c.fresh();
}

double resized_length(int64_t in, int64_t out, float scale) {
  const double length = static_cast<double>(in) * static_cast<double>(scale), n = static_cast<double>(out);
  return std::abs(length - n) <= 1e-5 * n ? n : length;
}

void resample(KernelContext& c, const Sampling& s, std::span<const Axis> axes, const kernels::KernelTable& table) {
  const TensorRef &x = c.input(0), &y = c.output(0);
  if (y.count == 0) return;
  if (x.count == 0) fail("X {} is empty, Y {} is not", to_string(x.dims()), to_string(y.dims()));
  if (s.mode == Mode::kNearest) return run_nearest(c, s, axes);
  switch (x.dtype) {
    case DType::kFloat:
    case DType::kFloat16:
    case DType::kBFloat16: {
      const F32Result out(c, y, table);
      interpolate(c, s, axes, load_f32(c, 0, table), out.data());
      return out.store(c);
    }
    case DType::kDouble:
      return interpolate(c, s, axes, x.as<double>(), y.out<double>());
    case DType::kInt32:
    case DType::kUint32:
    case DType::kInt64:
    case DType::kUint64:
      return interpolate_rounded<double>(c, s, axes, table);
    default:
      if (!is_int(x.dtype) && x.dtype != DType::kBool)
        fail(ErrorCode::kNotImplemented, "mode linear and cubic for {}", dtype_name(x.dtype));
      return interpolate_rounded<float>(c, s, axes, table);
  }
}

}  // namespace tenon::ops::resize
