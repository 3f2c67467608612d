// Typed loops of the scatter reductions.
#include "ops/scatter_reduce.h"

#include <algorithm>
#include <cmath>

#include "ops/move.h"

namespace tenon::ops {
namespace {

struct Add {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a + b);
  }
};
struct Mul {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a * b);
  }
};
// A NaN on either side stays.
struct Min {
  template <class T>
  static T apply(T a, T b) {
    return b < a || b != b ? b : a;
  }
};
struct Max {
  template <class T>
  static T apply(T a, T b) {
    return a < b || b != b ? b : a;
  }
};

template <class Op, class T>
void combine(void* out, const void* update, int64_t n) {
  auto* o = static_cast<T*>(out);
  const auto* u = static_cast<const T*>(update);
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<T, Half>) {
      o[i] = to_half(Op::apply(to_float(o[i]), to_float(u[i])));
    } else if constexpr (std::is_same_v<T, BFloat16>) {
      o[i] = to_bfloat16(Op::apply(to_float(o[i]), to_float(u[i])));
    } else if constexpr (std::is_same_v<T, bool>) {  // or, and, and, or
      o[i] = Op::apply(static_cast<int>(o[i]), static_cast<int>(u[i])) != 0;
    } else if constexpr (std::is_integral_v<T>) {  // wraps around like every other runtime
      using Wide = std::make_unsigned_t<T>;
      if constexpr (std::is_same_v<Op, Add> || std::is_same_v<Op, Mul>)
        o[i] = static_cast<T>(
            Op::apply(static_cast<uint64_t>(static_cast<Wide>(o[i])), static_cast<uint64_t>(static_cast<Wide>(u[i]))));
      else
        o[i] = Op::apply(o[i], u[i]);
    } else {
      o[i] = Op::apply(o[i], u[i]);
    }
  }
}

template <class T>
void assign(void* out, const void* update, int64_t n) {
  std::copy_n(static_cast<const T*>(update), n, static_cast<T*>(out));
}

template <class Op>
Combine typed(DType t) {
  if (t == DType::kComplex64 || t == DType::kComplex128) {
    if constexpr (std::is_same_v<Op, Add> || std::is_same_v<Op, Mul>)
      return t == DType::kComplex64 ? &combine<Op, std::complex<float>> : &combine<Op, std::complex<double>>;
  }
  using Types = Join<NumericTypes, TypeList<bool, Half, BFloat16>>;
  return visit<Types>(t, []<class T>() -> Combine { return &combine<Op, T>; });
}

}  // namespace

Combine scatter_combine(std::string_view reduction, DType t) {
  if (reduction == "none")
    return visit_size(is_packed(t) ? DType::kUint8 : t, []<class T>() -> Combine { return &assign<T>; });
  if (reduction == "add") return typed<Add>(t);
  if (reduction == "mul") return typed<Mul>(t);
  if (reduction == "min") return typed<Min>(t);
  if (reduction == "max") return typed<Max>(t);
  fail("reduction is \"{}\", expected none, add, mul, min or max", reduction);
}

}  // namespace tenon::ops
