// Row kernels: functions over contiguous runs of values, the inner loops of every element-wise operator.
#pragma once
#include <cstdint>

#include "base/dtype.h"
#include "kernels/epilogue.h"

namespace tenon::kernels {

/// out[i] = f(in[i]), i < n; out may be in. A value's result never depends on its place in the row.
/// Error bounds in ulp of the fp32 result, on every table: kExp 2, kExpm1 3, kLog 2, kLog1p 3, kRsqrt 1, kErf 3,
/// kTanh 3, kSin and kCos 2; the others are exact or correctly rounded. NaN gives NaN; infinities, zeros and denormals
/// as in the C library.
enum class Unary : uint8_t {
  kAbs,
  kNeg,
  kFloor,
  kCeil,
  kRound,  ///< half to even
  kTrunc,
  kSign,  ///< NaN gives NaN
  kSqrt,
  kRsqrt,
  kReciprocal,
  kSquare,
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kErf,
  kTanh,
  kSin,
  kCos,
};
inline constexpr int kUnaries = static_cast<int>(Unary::kCos) + 1;
using UnaryRow = void (*)(const float* in, float* out, int64_t n);
UnaryRow unary_row(Unary f, const KernelTable& table = kernels());

/// out[i] = activation(in[i]; p0, p1); out may be in. kNone copies. At most 4 ulp, or an absolute error of 1e-6 where
/// the formula cancels (GELU, Mish, QuickGelu below 0).
using ActivationRow = void (*)(const float* in, float* out, int64_t n, float p0, float p1);
ActivationRow activation_row(Activation f, const KernelTable& table = kernels());

/// kMax, kMin: NaN if either is NaN. kPow as C's powf (4 ulp). kPrelu: a < 0 ? a b : a.
enum class Binary : uint8_t { kAdd, kSub, kMul, kDiv, kMax, kMin, kPow, kPrelu };
inline constexpr int kBinaries = static_cast<int>(Binary::kPrelu) + 1;
/// out[i] = f(a[i], b[i]); out may be a or b.
using BinaryRow = void (*)(const float* a, const float* b, float* out, int64_t n);
struct BinaryRows {
  BinaryRow vv;  ///< vector, vector
  BinaryRow vs;  ///< b is one value
  BinaryRow sv;  ///< a is one value
};
BinaryRows binary_rows(Binary f, const KernelTable& table = kernels());

/// out[i] = a[i] * b[i] + c[i]; one rounding where the machine has FMA.
void fma_row(const float* a, const float* b, const float* c, float* out, int64_t n,
             const KernelTable& table = kernels());

/// Conversions: round to nearest even, overflow to infinity, NaN stays NaN.
void to_float_row(const Half* in, float* out, int64_t n, const KernelTable& table = kernels());
void to_float_row(const BFloat16* in, float* out, int64_t n, const KernelTable& table = kernels());
void from_float_row(const float* in, Half* out, int64_t n, const KernelTable& table = kernels());
void from_float_row(const float* in, BFloat16* out, int64_t n, const KernelTable& table = kernels());

/// q = saturate(round_half_even(x / scale) + zero); NaN gives the lowest value.
void quantize_row(const float* in, uint8_t* out, int64_t n, float scale, int32_t zero,
                  const KernelTable& table = kernels());
void quantize_row(const float* in, int8_t* out, int64_t n, float scale, int32_t zero,
                  const KernelTable& table = kernels());
/// x = (q - zero) * scale.
void dequantize_row(const uint8_t* in, float* out, int64_t n, float scale, int32_t zero,
                    const KernelTable& table = kernels());
void dequantize_row(const int8_t* in, float* out, int64_t n, float scale, int32_t zero,
                    const KernelTable& table = kernels());
/// q[j] = saturate(round_half_even(float(acc[j]) * scale[j]) + zero); per_column false: scale[0] for all.
void requantize_row(const int32_t* acc, uint8_t* out, int64_t n, const float* scale, bool per_column, int32_t zero,
                    const KernelTable& table = kernels());
void requantize_row(const int32_t* acc, int8_t* out, int64_t n, const float* scale, bool per_column, int32_t zero,
                    const KernelTable& table = kernels());

}  // namespace tenon::kernels
