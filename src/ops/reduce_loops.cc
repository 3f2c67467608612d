// One pass over the input in memory order, with one accumulator per result.
#include "ops/reduce_loops.h"

#include <cmath>
#include <limits>
#include <type_traits>

namespace tenon::ops {

ReducedAxes::ReducedAxes(size_t r, std::span<const int64_t> axes, bool noop) : rank(r) {
  if (rank > kMaxReduceRank) fail(ErrorCode::kNotImplemented, "reduction of {} dims, at most {}", rank, kMaxReduceRank);
  for (size_t i = 0; i < rank; ++i) flag[i] = axes.empty() && !noop;
  for (int64_t a : axes) flag[resolve_axis(a, rank)] = true;
}
bool ReducedAxes::any() const {
  for (size_t i = 0; i < rank; ++i)
    if (flag[i]) return true;
  return false;
}
Dims reduced_dims(const Dims& dims, const ReducedAxes& axes, bool keepdims) {
  Dims out;
  for (size_t i = 0; i < dims.size(); ++i)
    if (!axes.flag[i])
      out.push_back(dims[i]);
    else if (keepdims)
      out.push_back(1);
  return out;
}

namespace {

using kernels::Reduce;

template <class T>
using Wrap = std::conditional_t<std::is_same_v<T, int64_t>, uint64_t, T>;
template <class T>
T magnitude(T x) {
  if constexpr (std::is_same_v<T, double>)
    return std::fabs(x);
  else if constexpr (std::is_same_v<T, int64_t>)
    return x < 0 ? static_cast<T>(0 - static_cast<uint64_t>(x)) : x;
  else
    return x;
}

// An accumulator: `a` holds the running value, `b` the largest exponent of kLogSumExp.
template <class T>
struct State {
  T a;
  double b;
};

template <Reduce op, class T>
void add(State<T>& s, T x) {
  if constexpr (op == Reduce::kMax) {
    s.a = x > s.a || x != x ? x : s.a;
  } else if constexpr (op == Reduce::kMin) {
    s.a = x < s.a || x != x ? x : s.a;
  } else if constexpr (op == Reduce::kProd) {
    s.a = static_cast<T>(static_cast<Wrap<T>>(s.a) * static_cast<Wrap<T>>(x));
  } else if constexpr (op == Reduce::kSumSquare) {
    s.a = static_cast<T>(static_cast<Wrap<T>>(s.a) + static_cast<Wrap<T>>(x) * static_cast<Wrap<T>>(x));
  } else if constexpr (op == Reduce::kL2) {
    s.b += static_cast<double>(x) * static_cast<double>(x);
  } else if constexpr (op == Reduce::kLogSum) {
    s.b += static_cast<double>(x);
  } else if constexpr (op == Reduce::kLogSumExp) {
    // a: unused; b: log of the sum so far.
    const double v = static_cast<double>(x), top = std::fmax(s.b, v);
    if (std::isnan(v) || std::isnan(s.b))
      s.b = std::numeric_limits<double>::quiet_NaN();
    else if (!std::isinf(top))
      s.b = top + std::log(std::exp(s.b - top) + std::exp(v - top));
    else
      s.b = top;
  } else {
    const T v = op == Reduce::kL1 ? magnitude(x) : x;
    s.a = static_cast<T>(static_cast<Wrap<T>>(s.a) + static_cast<Wrap<T>>(v));
  }
}

template <class T>
T from_double(double v) {
  if constexpr (std::is_same_v<T, double>)
    return v;
  else if (!(v > -0x1p63 && v < (std::is_same_v<T, uint64_t> ? 0x1p64 : 0x1p63)))
    return std::numeric_limits<T>::min();
  else if constexpr (std::is_same_v<T, uint64_t>)
    return v < 0 ? static_cast<T>(static_cast<int64_t>(v)) : static_cast<T>(v);
  else
    return static_cast<T>(v);
}
template <Reduce op, class T>
T finish(const State<T>& s, int64_t n) {
  if constexpr (op == Reduce::kL2)
    return from_double<T>(std::sqrt(s.b));
  else if constexpr (op == Reduce::kLogSum)
    return from_double<T>(std::log(s.b));
  else if constexpr (op == Reduce::kLogSumExp)
    return from_double<T>(s.b);
  else if constexpr (op == Reduce::kMean)
    return n == 0 && std::is_same_v<T, double> ? std::numeric_limits<T>::quiet_NaN() : s.a / static_cast<T>(n);
  else
    return s.a;
}

// Axes of one kind in a row are one level of the walk; the innermost level is a run.
struct Levels {
  int count = 0;
  int64_t dim[kMaxReduceRank];
  bool reduced[kMaxReduceRank];
  int64_t step[kMaxReduceRank];  // of the result

  Levels(std::span<const int64_t> dims, std::span<const bool> flags) {
    for (size_t i = dims.size(); i-- > 0;) {
      if (dims[i] == 1) continue;
      if (count > 0 && reduced[count - 1] == flags[i]) {
        dim[count - 1] *= dims[i];
      } else {
        dim[count] = dims[i];
        reduced[count++] = flags[i];
      }
    }
    int64_t size = 1;
    for (int k = 0; k < count; ++k) {
      step[k] = reduced[k] ? 0 : size;
      if (!reduced[k]) size *= dim[k];
    }
  }
};

template <Reduce op, class T>
void walk(const Levels& l, int level, const T*& x, State<T>* s) {
  if (level < 0) {
    add<op>(*s, *x++);
  } else if (level > 0) {
    for (int64_t i = 0; i < l.dim[level]; ++i) walk<op>(l, level - 1, x, s + i * l.step[level]);
  } else if (l.reduced[0]) {
    for (int64_t i = 0; i < l.dim[0]; ++i) add<op>(*s, x[i]);
    x += l.dim[0];
  } else {
    for (int64_t i = 0; i < l.dim[0]; ++i) add<op>(s[i], x[i]);
    x += l.dim[0];
  }
}

template <Reduce op, class T>
void reduce_with(const T* x, std::span<const int64_t> dims, std::span<const bool> reduced, T* y, T first,
                 KernelContext& c) {
  int64_t results = 1, each = 1;
  for (size_t i = 0; i < dims.size(); ++i) (reduced[i] ? each : results) *= dims[i];
  if (results == 0) return;
  if (op == Reduce::kMean && each == 0 && std::is_integral_v<T>) fail("mean of no integers");
  State<T>* states = c.scratch<State<T>>(results);
  const double b = op == Reduce::kLogSumExp ? -std::numeric_limits<double>::infinity() : 0;
  for (int64_t i = 0; i < results; ++i) states[i] = {first, b};
  if (each > 0) {
    const Levels l(dims, reduced);
    const int top = l.count - 1;
    if (top > 0 && !l.reduced[top]) {  // the outermost level cuts results apart
      const int64_t block = results / l.dim[top] * each;
      c.par.loop(l.dim[top], static_cast<double>(block), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T* from = x + i * block;
          walk<op>(l, top - 1, from, states + i * l.step[top]);
        }
      });
    } else if (top < 0) {
      walk<op>(l, top, x, states);
    } else {  // as `walk` does, with polls between parts
      const int64_t inner = results * each / l.dim[top], part = std::max<int64_t>(1, (1 << 16) / inner);
      Poll poll(c.par.cancel);
      for (int64_t i = 0; i < l.dim[top]; i += part) {
        Levels some = l;
        some.dim[top] = std::min(part, l.dim[top] - i);
        walk<op>(some, top, x, states + i * l.step[top]);
        poll(4 * some.dim[top] * inner);
      }
    }
  }
  for (int64_t i = 0; i < results; ++i) y[i] = finish<op>(states[i], each);
}

}  // namespace

template <class T>
void reduce_loops(Reduce op, const T* x, std::span<const int64_t> dims, std::span<const bool> reduced, T* y, T lowest,
                  T highest, KernelContext& c) {
  switch (op) {
    case Reduce::kSum:
      return reduce_with<Reduce::kSum>(x, dims, reduced, y, T(0), c);
    case Reduce::kMean:
      return reduce_with<Reduce::kMean>(x, dims, reduced, y, T(0), c);
    case Reduce::kMax:
      return reduce_with<Reduce::kMax>(x, dims, reduced, y, lowest, c);
    case Reduce::kMin:
      return reduce_with<Reduce::kMin>(x, dims, reduced, y, highest, c);
    case Reduce::kProd:
      return reduce_with<Reduce::kProd>(x, dims, reduced, y, T(1), c);
    case Reduce::kSumSquare:
      return reduce_with<Reduce::kSumSquare>(x, dims, reduced, y, T(0), c);
    case Reduce::kL1:
      return reduce_with<Reduce::kL1>(x, dims, reduced, y, T(0), c);
    case Reduce::kL2:
      return reduce_with<Reduce::kL2>(x, dims, reduced, y, T(0), c);
    case Reduce::kLogSum:
      return reduce_with<Reduce::kLogSum>(x, dims, reduced, y, T(0), c);
    case Reduce::kLogSumExp:
      return reduce_with<Reduce::kLogSumExp>(x, dims, reduced, y, T(0), c);
  }
}
#define INSTANTIATE(T)                                                                                    \
  template void reduce_loops(Reduce, const T*, std::span<const int64_t>, std::span<const bool>, T*, T, T, \
                             KernelContext&);
INSTANTIATE(double)
INSTANTIATE(int64_t)
INSTANTIATE(uint64_t)
#undef INSTANTIATE

}  // namespace tenon::ops
