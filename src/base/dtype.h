// Element types as C++ types: storage structs, type lists, and the one switch from a DType to a type.
#pragma once
#include <bit>
#include <complex>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "base/error.h"
#include "tenon/dtype.h"

namespace tenon {

/// IEEE binary16 bits.
struct Half {
  uint16_t bits;
  bool operator==(const Half&) const = default;
};
/// Upper half of an IEEE binary32.
struct BFloat16 {
  uint16_t bits;
  bool operator==(const BFloat16&) const = default;
};

float to_float(Half h) noexcept;
Half to_half(float f) noexcept;  ///< round to nearest even; overflow gives infinity
inline float to_float(BFloat16 b) noexcept { return std::bit_cast<float>(static_cast<uint32_t>(b.bits) << 16); }
inline BFloat16 to_bfloat16(float f) noexcept {  // round to nearest even, NaN stays NaN
  const uint32_t u = std::bit_cast<uint32_t>(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((u >> 16) | 0x40u)};
  return {static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}

/// Set of element types, as a bit mask over DType.
using DTypeSet = uint64_t;
constexpr DTypeSet dtype_bit(DType t) { return DTypeSet{1} << static_cast<int>(t); }
constexpr DTypeSet dtype_set(std::initializer_list<DType> l) {
  DTypeSet s = 0;
  for (DType t : l) s |= dtype_bit(t);
  return s;
}
/// False for numbers that name no type: attributes of a model are asked here before anything has checked them.
constexpr bool contains(DTypeSet s, DType t) { return static_cast<int>(t) < 64 && (s & dtype_bit(t)) != 0; }
/// "float, int32, ..." in DType order.
std::string dtype_set_names(DTypeSet s);

template <class T>
struct DTypeOf;
#define TENON_DTYPE(T, D)                    \
  template <>                                \
  struct DTypeOf<T> {                        \
    static constexpr DType value = DType::D; \
  };
TENON_DTYPE(float, kFloat)
TENON_DTYPE(uint8_t, kUint8)
TENON_DTYPE(int8_t, kInt8)
TENON_DTYPE(uint16_t, kUint16)
TENON_DTYPE(int16_t, kInt16)
TENON_DTYPE(int32_t, kInt32)
TENON_DTYPE(int64_t, kInt64)
TENON_DTYPE(std::string, kString)
TENON_DTYPE(bool, kBool)
TENON_DTYPE(Half, kFloat16)
TENON_DTYPE(double, kDouble)
TENON_DTYPE(uint32_t, kUint32)
TENON_DTYPE(uint64_t, kUint64)
TENON_DTYPE(std::complex<float>, kComplex64)
TENON_DTYPE(std::complex<double>, kComplex128)
TENON_DTYPE(BFloat16, kBFloat16)
#undef TENON_DTYPE

/// Written once, used by name: in a port (`set`) and in visit<List>(dtype, f).
template <class... T>
struct TypeList {
  static constexpr DTypeSet set = (dtype_bit(DTypeOf<T>::value) | ... | 0);
};
template <class A, class B>
struct JoinLists;
template <class... A, class... B>
struct JoinLists<TypeList<A...>, TypeList<B...>> {
  using type = TypeList<A..., B...>;
};
template <class A, class B>
using Join = typename JoinLists<A, B>::type;

using IndexTypes = TypeList<int32_t, int64_t>;
using SignedInts = TypeList<int8_t, int16_t, int32_t, int64_t>;
using UnsignedInts = TypeList<uint8_t, uint16_t, uint32_t, uint64_t>;
using IntTypes = Join<SignedInts, UnsignedInts>;
using RealFloats = TypeList<float, double>;
using NumericTypes = Join<RealFloats, IntTypes>;  // f16 and bf16 go through float

inline constexpr DTypeSet kFloatSet = dtype_set({DType::kFloat, DType::kDouble, DType::kFloat16, DType::kBFloat16});
inline constexpr DTypeSet kIntSet = IntTypes::set;
inline constexpr DTypeSet kNumericSet = kFloatSet | kIntSet;
inline constexpr DTypeSet kIndexSet = IndexTypes::set;
inline constexpr DTypeSet kBoolSet = dtype_bit(DType::kBool);
inline constexpr DTypeSet kStringSet = dtype_bit(DType::kString);
inline constexpr DTypeSet kComplexSet = dtype_set({DType::kComplex64, DType::kComplex128});
inline constexpr DTypeSet kSmallFloatSet =
    dtype_set({DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ,
               DType::kFloat8E8M0, DType::kFloat4E2M1, DType::kFloat6E2M3, DType::kFloat6E3M2});
inline constexpr DTypeSet kSmallIntSet = dtype_set({DType::kUint4, DType::kInt4, DType::kUint2, DType::kInt2});
/// Every tensor element type.
inline constexpr DTypeSet kAllSet = kNumericSet | kBoolSet | kStringSet | kComplexSet | kSmallFloatSet | kSmallIntSet;

[[noreturn]] void fail_dtype(DType found, DTypeSet expected);

template <class F, class T, class... Rest>
decltype(auto) visit_types(TypeList<T, Rest...>, DType t, DTypeSet all, F&& f) {
  if (t == DTypeOf<T>::value) return f.template operator()<T>();
  if constexpr (sizeof...(Rest) == 0) {
    fail_dtype(t, all);
  } else {
    return visit_types(TypeList<Rest...>{}, t, all, static_cast<F&&>(f));
  }
}
/// f.template operator()<T>() for the T of the list that `t` names; kNotImplemented error otherwise.
template <class List, class F>
decltype(auto) visit(DType t, F&& f) {
  return visit_types(List{}, t, List::set, static_cast<F&&>(f));
}

/// Bytes of one element of a byte-addressable type (strings: sizeof(std::string)); 0 for packed 4-bit and 2-bit types.
size_t dtype_size(DType t) noexcept;
/// Storage bytes of `count` elements; throws kInvalidArgument on overflow of 2^63.
size_t storage_bytes(DType t, int64_t count);
constexpr bool is_packed(DType t) { return contains(kSmallIntSet | dtype_bit(DType::kFloat4E2M1), t); }
constexpr bool is_float(DType t) { return contains(kFloatSet, t); }
constexpr bool is_int(DType t) { return contains(kIntSet, t); }

}  // namespace tenon
