// Row kernels: look-up in the table of an instruction set.
#include "kernels/rows.h"

#include "kernels/row_kernels.h"
#include "kernels/table.h"

namespace tenon::kernels {

UnaryRow unary_row(Unary f, const KernelTable& t) { return t.unary->unary[static_cast<int>(f)]; }
ActivationRow activation_row(Activation f, const KernelTable& t) { return t.unary->activation[static_cast<int>(f)]; }
BinaryRows binary_rows(Binary f, const KernelTable& t) { return t.rows->binary[static_cast<int>(f)]; }

void fma_row(const float* a, const float* b, const float* c, float* out, int64_t n, const KernelTable& t) {
  t.rows->fma(a, b, c, out, n);
}

void to_float_row(const Half* in, float* out, int64_t n, const KernelTable& t) {
  t.rows->from_half(reinterpret_cast<const uint16_t*>(in), out, n);
}
void to_float_row(const BFloat16* in, float* out, int64_t n, const KernelTable& t) {
  t.rows->from_bfloat16(reinterpret_cast<const uint16_t*>(in), out, n);
}
void from_float_row(const float* in, Half* out, int64_t n, const KernelTable& t) {
  t.rows->to_half(in, reinterpret_cast<uint16_t*>(out), n);
}
void from_float_row(const float* in, BFloat16* out, int64_t n, const KernelTable& t) {
  t.rows->to_bfloat16(in, reinterpret_cast<uint16_t*>(out), n);
}

// A signed byte is stored as the low eight bits of its value, so both signs share one kernel.
void quantize_row(const float* in, uint8_t* out, int64_t n, float scale, int32_t zero, const KernelTable& t) {
  t.rows->quantize(in, out, n, scale, zero, 0, 255);
}
void quantize_row(const float* in, int8_t* out, int64_t n, float scale, int32_t zero, const KernelTable& t) {
  t.rows->quantize(in, reinterpret_cast<uint8_t*>(out), n, scale, zero, -128, 127);
}
void dequantize_row(const uint8_t* in, float* out, int64_t n, float scale, int32_t zero, const KernelTable& t) {
  t.rows->dequantize_u8(in, out, n, scale, zero);
}
void dequantize_row(const int8_t* in, float* out, int64_t n, float scale, int32_t zero, const KernelTable& t) {
  t.rows->dequantize_s8(in, out, n, scale, zero);
}
void requantize_row(const int32_t* acc, uint8_t* out, int64_t n, const float* scale, bool per_column, int32_t zero,
                    const KernelTable& t) {
  t.rows->requantize(acc, out, n, scale, per_column, zero, 0, 255);
}
void requantize_row(const int32_t* acc, int8_t* out, int64_t n, const float* scale, bool per_column, int32_t zero,
                    const KernelTable& t) {
  t.rows->requantize(acc, reinterpret_cast<uint8_t*>(out), n, scale, per_column, zero, -128, 127);
}

}  // namespace tenon::kernels
