// RowKernels: the row functions of one instruction set; rows.h is the way to call them.
#pragma once
#include "kernels/rows.h"

namespace tenon::kernels {

struct UnaryKernels {
  UnaryRow unary[kUnaries];
  ActivationRow activation[kActivations];
};

struct RowKernels {
  BinaryRows binary[kBinaries];
  void (*fma)(const float* a, const float* b, const float* c, float* out, int64_t n);
  void (*from_half)(const uint16_t* in, float* out, int64_t n);
  void (*to_half)(const float* in, uint16_t* out, int64_t n);
  void (*from_bfloat16)(const uint16_t* in, float* out, int64_t n);
  void (*to_bfloat16)(const float* in, uint16_t* out, int64_t n);
  void (*quantize)(const float* in, uint8_t* out, int64_t n, float scale, int32_t zero, int32_t low, int32_t high);
  void (*dequantize_u8)(const uint8_t* in, float* out, int64_t n, float scale, int32_t zero);
  void (*dequantize_s8)(const int8_t* in, float* out, int64_t n, float scale, int32_t zero);
  void (*requantize)(const int32_t* acc, uint8_t* out, int64_t n, const float* scale, bool per_column, int32_t zero,
                     int32_t low, int32_t high);
};

}  // namespace tenon::kernels
