// What tables of op rows share: type sets by ONNX version, and rows that vary one base row by version and types.
#pragma once
#include <array>

#include "ops/op.h"

namespace tenon::ops {

inline constexpr DTypeSet kFloat32Set = dtype_bit(DType::kFloat), kInt64Set = dtype_bit(DType::kInt64);
inline constexpr DTypeSet kByteSet = dtype_set({DType::kInt8, DType::kUint8});
/// ONNX's old choice of integers for arithmetic.
inline constexpr DTypeSet kWideSet = dtype_set({DType::kInt32, DType::kInt64, DType::kUint32, DType::kUint64});
inline constexpr DTypeSet kFloat8Set =
    dtype_set({DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ});
/// The three float types of opset 1, and all types that numbers had before bfloat16.
inline constexpr DTypeSet kOldFloatSet = dtype_set({DType::kFloat, DType::kDouble, DType::kFloat16});
inline constexpr DTypeSet kOldNumericSet = kOldFloatSet | kIntSet;

// Tensor element types by the ONNX IR version that brought the last of them.
inline constexpr DTypeSet kIr3Set = kOldNumericSet | kBoolSet | kStringSet | kComplexSet;
inline constexpr DTypeSet kIr4Set = kIr3Set | dtype_bit(DType::kBFloat16);
inline constexpr DTypeSet kIr9Set = kIr4Set | kFloat8Set;
inline constexpr DTypeSet kIr10Set = kIr9Set | dtype_set({DType::kUint4, DType::kInt4});
inline constexpr DTypeSet kIr11Set = kIr10Set | dtype_bit(DType::kFloat4E2M1);
inline constexpr DTypeSet kIr12Set = kIr11Set | dtype_bit(DType::kFloat8E8M0);
inline constexpr DTypeSet kIr13Set = kIr12Set | dtype_set({DType::kUint2, DType::kInt2});

/// `base` for opset versions since..until (0: still current) with the ports P::kIn and P::kOut.
template <class P>
constexpr OpDef row_of(OpDef base, int since, int until) {
  base.since = since;
  base.until = until;
  base.inputs = P::kIn;
  base.outputs = P::kOut;
  return base;
}
/// The same with other attributes than those of `base`.
template <class P>
constexpr OpDef row_of(OpDef base, int since, int until, std::span<const AttrDef> attrs) {
  base.attrs = attrs;
  return row_of<P>(base, since, until);
}

constexpr OpDef deprecated(OpDef row) {
  row.deprecated = true;
  return row;
}

/// The elements (rows, attributes) of all parts.
template <class T, size_t... N>
constexpr auto joined(const std::array<T, N>&... parts) {
  std::array<T, (N + ... + 0)> out{};
  size_t at = 0;
  const auto take = [&](const auto& part) {
    for (const T& item : part) out[at++] = item;
  };
  (take(parts), ...);
  return out;
}

/// Rows from version 21 (or 19) on of an op that takes every element type of the IR version of the day; P<types> has
/// the ports.
template <template <DTypeSet> class P>
constexpr std::array<OpDef, 4> rows_from_21(const OpDef& base) {
  return {row_of<P<kIr10Set>>(base, 21, 22), row_of<P<kIr11Set>>(base, 23, 23), row_of<P<kIr12Set>>(base, 24, 24),
          row_of<P<kIr13Set>>(base, 25, 0)};
}
template <template <DTypeSet> class P>
constexpr std::array<OpDef, 5> rows_from_19(const OpDef& base) {
  return joined(std::array{row_of<P<kIr9Set>>(base, 19, 20)}, rows_from_21<P>(base));
}

}  // namespace tenon::ops
