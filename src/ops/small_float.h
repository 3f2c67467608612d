// 8-, 6- and 4-bit floats: codes to float and back.
#pragma once
#include <cstdint>

#include "base/dtype.h"

namespace tenon::ops {

/// How float8e8m0 rounds: away from zero, towards zero, to nearest with ties up.
enum class ScaleRounding : uint8_t { kUp, kDown, kNearest };

/// Value of each code of a type of kSmallFloatSet (4- and 6-bit types: of the low bits).
const float* small_float_values(DType t);

/// Code of x, rounded to nearest even. Beyond the largest value: with `saturate`, or in types without infinity and NaN,
/// the largest value; else infinity where the type has one, NaN where not. float8e8m0 ignores the sign.
uint8_t encode_small_float(DType t, float x, bool saturate, ScaleRounding rounding = ScaleRounding::kUp);

}  // namespace tenon::ops
