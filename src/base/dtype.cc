// Names, sizes and conversions of element types.
#include "base/dtype.h"

#include <array>

#include "base/shape.h"

namespace tenon {
namespace {

struct Row {
  std::string_view name;
  int bits;
};
constexpr std::array<Row, kNumDTypes> kRows = {{
    {"undefined", 0},      {"float", 32},    {"uint8", 8},        {"int8", 8},           {"uint16", 16},
    {"int16", 16},         {"int32", 32},    {"int64", 64},       {"string", 0},         {"bool", 8},
    {"float16", 16},       {"double", 64},   {"uint32", 32},      {"uint64", 64},        {"complex64", 64},
    {"complex128", 128},   {"bfloat16", 16}, {"float8e4m3fn", 8}, {"float8e4m3fnuz", 8}, {"float8e5m2", 8},
    {"float8e5m2fnuz", 8}, {"uint4", 4},     {"int4", 4},         {"float4e2m1", 4},     {"float8e8m0", 8},
    {"uint2", 2},          {"int2", 2},      {"float6e2m3", 8},   {"float6e3m2", 8},
}};

}  // namespace

std::string_view dtype_name(DType t) noexcept {
  const auto i = static_cast<size_t>(t);
  return i < kRows.size() ? kRows[i].name : "unknown";
}

DType dtype_from_name(std::string_view name) noexcept {
  for (size_t i = 1; i < kRows.size(); ++i)
    if (kRows[i].name == name) return static_cast<DType>(i);
  return DType::kUndefined;
}

int dtype_bits(DType t) noexcept {
  const auto i = static_cast<size_t>(t);
  return i < kRows.size() ? kRows[i].bits : 0;
}

size_t dtype_size(DType t) noexcept {
  if (t == DType::kString) return sizeof(std::string);
  return static_cast<size_t>(dtype_bits(t)) / 8;
}

size_t storage_bytes(DType t, int64_t count) {
  if (t == DType::kString) return static_cast<size_t>(checked_mul(count, static_cast<int64_t>(sizeof(std::string))));
  const int64_t bits = dtype_bits(t);
  if (bits >= 8) return static_cast<size_t>(checked_mul(count, bits / 8));
  const int64_t per_byte = bits == 0 ? 1 : 8 / bits;
  return static_cast<size_t>(count / per_byte + (count % per_byte != 0));
}

std::string dtype_set_names(DTypeSet s) {
  std::string out;
  for (int i = 1; i < kNumDTypes; ++i) {
    if (!contains(s, static_cast<DType>(i))) continue;
    if (!out.empty()) out += ", ";
    out += dtype_name(static_cast<DType>(i));
  }
  return out;
}

void fail_dtype(DType found, DTypeSet expected) {
  fail(ErrorCode::kNotImplemented, "element type {} found, expected one of: {}", dtype_name(found),
       dtype_set_names(expected));
}

float to_float(Half h) noexcept {
  const uint32_t sign = static_cast<uint32_t>(h.bits & 0x8000u) << 16;
  const uint32_t exponent = (h.bits >> 10) & 0x1fu;
  const uint32_t mantissa = h.bits & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24
    const float f = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(f) | sign);
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

Half to_half(float f) noexcept {
  const uint32_t u = std::bit_cast<uint32_t>(f);
  const auto sign = static_cast<uint16_t>((u >> 16) & 0x8000u);
  const uint32_t a = u & 0x7fffffffu;
  if (a > 0x7f800000u) return {static_cast<uint16_t>(sign | 0x7e00u | ((a >> 13) & 0x3ffu))};
  if (a >= 0x477ff000u) return {static_cast<uint16_t>(sign | 0x7c00u)};
  if (a < 0x38800000u) {  // subnormal half: let the float adder round at 2^-24
    const float r = std::bit_cast<float>(a) + 0.5f;
    return {static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(r) - 0x3f000000u))};
  }
  const uint32_t rounded = a + 0xfffu + ((a >> 13) & 1u);
  return {static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13))};
}

}  // namespace tenon
