// Element type sets that several op files name.
#pragma once
#include "base/dtype.h"

namespace tenon::ops {

/// float, double, float16: what most ops took before bfloat16 was added.
inline constexpr DTypeSet kOldFloatSet = kFloatSet & ~dtype_bit(DType::kBFloat16);
/// Every type but the small floats and integers, bfloat16 included or not: data movers of opset 13 and before.
inline constexpr DTypeSet kMoveSet = kNumericSet | kBoolSet | kStringSet | kComplexSet;
inline constexpr DTypeSet kOldMoveSet = kMoveSet & ~dtype_bit(DType::kBFloat16);

}  // namespace tenon::ops
