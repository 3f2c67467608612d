// Tables of values, and encoding by scaling to an integer number of quanta.
#include "ops/small_float.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace tenon::ops {
namespace {

struct Format {
  int exponent, mantissa, bias;
  uint8_t largest;   ///< code of the largest finite value
  uint8_t overflow;  ///< code that overflow gives without saturation; 0: saturates always
  uint8_t nan;       ///< 0: the type has none
  bool unsigned_zero = false;
};
constexpr Format kE4M3Fn{4, 3, 7, 0x7e, 0x7f, 0x7f}, kE4M3Fnuz{4, 3, 8, 0x7f, 0x80, 0x80, true},
    kE5M2{5, 2, 15, 0x7b, 0x7c, 0x7e}, kE5M2Fnuz{5, 2, 16, 0x7f, 0x80, 0x80, true}, kE2M1{2, 1, 1, 0x7, 0, 0},
    kE2M3{2, 3, 1, 0x1f, 0, 0}, kE3M2{3, 2, 3, 0x1f, 0, 0};

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();
constexpr float power_of_two(int e) {  // down to the subnormal 2^-149
  return e >= -126 ? std::bit_cast<float>(static_cast<uint32_t>(e + 127) << 23)
                   : std::bit_cast<float>(uint32_t{1} << (e + 149));
}

constexpr std::array<float, 256> values(const Format& f) {
  std::array<float, 256> out{};
  const int sign = 1 << (f.exponent + f.mantissa);
  for (int code = 0; code < 2 * sign; ++code) {
    const int magnitude = code & (sign - 1), e = magnitude >> f.mantissa, m = magnitude & ((1 << f.mantissa) - 1);
    float v = e == 0 ? static_cast<float>(m) * power_of_two(1 - f.bias - f.mantissa)
                     : static_cast<float>(m + (1 << f.mantissa)) * power_of_two(e - f.bias - f.mantissa);
    if (magnitude > f.largest) v = magnitude == 0x7c && f.overflow == 0x7c ? kInf : kNan;
    out[static_cast<size_t>(code)] = code & sign ? -v : v;
  }
  if (f.unsigned_zero) out[0x80] = kNan;
  return out;
}
constexpr std::array<float, 256> scales() {
  std::array<float, 256> out{};
  for (int code = 0; code < 255; ++code) out[static_cast<size_t>(code)] = power_of_two(code - 127);
  out[255] = kNan;
  return out;
}
constexpr std::array<float, 256> kTables[] = {values(kE4M3Fn), values(kE4M3Fnuz), values(kE5M2), values(kE5M2Fnuz),
                                              values(kE2M1),   values(kE2M3),     values(kE3M2), scales()};

const Format& format(DType t) {
  switch (t) {
    case DType::kFloat8E4M3FN:
      return kE4M3Fn;
    case DType::kFloat8E4M3FNUZ:
      return kE4M3Fnuz;
    case DType::kFloat8E5M2:
      return kE5M2;
    case DType::kFloat8E5M2FNUZ:
      return kE5M2Fnuz;
    case DType::kFloat4E2M1:
      return kE2M1;
    case DType::kFloat6E2M3:
      return kE2M3;
    case DType::kFloat6E3M2:
      return kE3M2;
    default:
      fail_dtype(t, kSmallFloatSet);
  }
}

uint8_t encode_scale(float x, bool saturate, ScaleRounding rounding) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t fraction = bits & 0x7fffffu;
  uint32_t e = (bits >> 23) & 0xffu;
  if (e == 0xff) return fraction == 0 && saturate ? 0xfe : 0xff;
  if (e == 0 && fraction < 0x400000u) return saturate ? 0 : 0xff;  // below 2^-127, the smallest value
  // 2^-127 is a subnormal float: there the fraction counts from 0x400000.
  const uint32_t exact = e == 0 ? 0x400000u : 0, half = e == 0 ? 0x600000u : 0x400000u;
  const bool up = rounding == ScaleRounding::kUp        ? fraction > exact
                  : rounding == ScaleRounding::kNearest ? fraction >= half
                                                        : false;
  e += up;
  return static_cast<uint8_t>(e == 0xff && saturate ? 0xfe : e);
}

}  // namespace

const float* small_float_values(DType t) {
  if (t == DType::kFloat8E8M0) return kTables[7].data();
  const Format* f = &format(t);
  const Format* const all[] = {&kE4M3Fn, &kE4M3Fnuz, &kE5M2, &kE5M2Fnuz, &kE2M1, &kE2M3, &kE3M2};
  size_t i = 0;
  while (all[i] != f) ++i;
  return kTables[i].data();
}

uint8_t encode_small_float(DType t, float x, bool saturate, ScaleRounding rounding) {
  if (t == DType::kFloat8E8M0) return encode_scale(x, saturate, rounding);
  const Format& f = format(t);
  const auto sign = static_cast<uint8_t>(std::signbit(x) ? 1 << (f.exponent + f.mantissa) : 0);
  if (std::isnan(x)) {
    // Types without NaN: as ml_dtypes, zero of the opposite sign.
    if (f.nan == 0) return static_cast<uint8_t>(sign ^ (1 << (f.exponent + f.mantissa)));
    return f.unsigned_zero ? f.nan : f.nan | sign;
  }
  uint8_t code = f.largest;
  bool beyond = std::isinf(x);
  if (!beyond && x != 0) {
    const double a = std::fabs(static_cast<double>(x));
    const int e = std::max(std::ilogb(a), 1 - f.bias);
    // Quanta of 2^(e - mantissa); a carry out of the mantissa runs into the exponent field by itself.
    const double quanta = std::nearbyint(std::ldexp(a, f.mantissa - e));
    const double full = quanta + std::ldexp(e + f.bias - 1, f.mantissa);
    beyond = full > f.largest;
    if (!beyond) code = static_cast<uint8_t>(full);
  } else if (x == 0) {
    code = 0;
  }
  if (beyond && !saturate && f.overflow != 0) return f.unsigned_zero ? f.overflow : f.overflow | sign;
  return f.unsigned_zero && code == 0 ? 0 : code | sign;
}

}  // namespace tenon::ops
