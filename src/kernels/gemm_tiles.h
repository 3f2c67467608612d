// GemmTiles: what the GEMM driver needs from an instruction set. Pointers and extents only.
#pragma once
#include <cstdint>

namespace tenon::kernels {

/// C[m, n] = finish(A[m, k] B[k, n]) for n <= nr columns. Row i of A starts at a + (i / mr) a_tile + (i % mr) a_row.
/// finish: v = alpha v + beta c + bias_row[i] + bias_column[j] + residual(i, j), then clamped when `clamp` is set.
struct GemmPanel {
  const float* a = nullptr;
  int64_t a_row = 0, a_col = 1, a_tile = 0;
  const float* b = nullptr;  ///< k rows of whole vectors, b_row apart
  int64_t b_row = 0;
  float* c = nullptr;
  int64_t ldc = 0;
  int64_t m = 0, n = 0, k = 0;
  float alpha = 1, beta = 0;
  const float* bias_row = nullptr;
  const float* bias_column = nullptr;
  const float* residual = nullptr;
  int64_t residual_ld = 0;
  bool clamp = false;
  float low = 0, high = 0;
};

struct GemmTiles {
  int mr, nr;   ///< rows and columns of a tile
  int width;    ///< floats of a vector: the width of a packed panel is rounded up to it
  int streams;  ///< panels of gemv_packed
  void (*panel)(const GemmPanel&);
  /// out[streams * nr] = one row of A times `streams` full packed panels, panel_stride floats apart.
  void (*gemv_packed)(const float* a, int64_t a_col, const float* b, int64_t panel_stride, int64_t k, float* out);
  /// out[n] = one row of A times B with unit column stride.
  void (*gemv_rows)(const float* a, int64_t a_col, const float* b, int64_t b_row, int64_t k, int64_t n, float* out);
  /// out(i, j) = dot product of row i of A and column j of B, both with unit stride along k.
  void (*dot)(const float* a, int64_t a_row, const float* b, int64_t b_col, int64_t m, int64_t k, int64_t n, float* out,
              int64_t ld);
  /// Pack n <= nr columns, k rows: into k rows of n rounded up to `width`, padded with 0.
  void (*pack_rows)(const float* b, int64_t b_row, int64_t k, int64_t n, float* dst);
  void (*pack_columns)(const float* b, int64_t b_col, int64_t k, int64_t n, float* dst);
};

}  // namespace tenon::kernels
