// Int8Kernels: what the 8-bit GEMM driver needs from an instruction set. u8 times s8, four products at a time along k.
#pragma once
#include <cstdint>

namespace tenon::kernels {

struct Int8Panel {
  const void* a = nullptr;  ///< from pack_a, rows a_row bytes apart
  int64_t a_row = 0;
  const int8_t* b = nullptr;  ///< from pack_b: quads x nr x 4 bytes
  int64_t m = 0, n = 0, quads = 0;
  int32_t* c = nullptr;
  int64_t ldc = 0;
  bool add = false;  ///< to what c holds
};

struct Int8Kernels {
  int nr;       ///< columns of a panel
  int a_bytes;  ///< bytes of a packed element of A
  void (*panel)(const Int8Panel&);
  /// m rows of k bytes at strides (row, col), each xor `flip`, as rows of quads; the padding is 0. sums[i] += of row i.
  void (*pack_a)(const uint8_t* a, int64_t row, int64_t col, int64_t m, int64_t k, uint8_t flip, void* dst,
                 int64_t a_row, int32_t* sums);
  /// k rows of n <= nr bytes, each xor `flip`, as quads x nr x 4; the padding is 0. sums[j] += of column j.
  void (*pack_b)(const uint8_t* b, int64_t row, int64_t col, int64_t k, int64_t n, uint8_t flip, int8_t* dst,
                 int32_t* sums);
};

}  // namespace tenon::kernels
