// Element types, numbered as in onnx.TensorProto.DataType.
#pragma once
#include <cstdint>
#include <string_view>

#include "tenon/export.h"

namespace tenon {

enum class DType : uint8_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBFloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUint2 = 25,
  kInt2 = 26,
  kFloat6E2M3 = 27,
  kFloat6E3M2 = 28,
};
inline constexpr int kNumDTypes = 29;

/// ONNX spelling without prefix: "float", "int64", "bfloat16", ...
TENON_API std::string_view dtype_name(DType t) noexcept;
/// Inverse of dtype_name; kUndefined when the name is unknown.
TENON_API DType dtype_from_name(std::string_view name) noexcept;
/// Bits of one element (4-bit and 2-bit types are packed, low bits first; 6-bit types take a byte); 0 for kUndefined
/// and kString.
TENON_API int dtype_bits(DType t) noexcept;

}  // namespace tenon
