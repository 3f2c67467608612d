// NBitsKernels: what the product with weights of 2, 4 or 8 bits needs from an instruction set.
#pragma once
#include <cstdint>

namespace tenon::kernels {

inline constexpr int64_t kNBitsColumns = 16;  ///< of a panel, on every instruction set

/// One packed panel of 16 columns: per block 16 scales, 16 zeros (where there are any) and the codes, 16 bytes for each
/// 8 / bits values of k.
struct NBitsPanel {
  int bits = 4;
  int64_t k = 0, block = 0;
  bool has_zeros = false;
  const float* codebook = nullptr;  ///< 16 values, not looked at for 8 bits
  const uint8_t* b = nullptr;
  const float* a = nullptr;
  int64_t m = 0, a_row = 0;
  const float* sums = nullptr;  ///< of A over each block, [m, blocks]; where has_zeros
  const float* bias = nullptr;
  float* c = nullptr;
  int64_t ldc = 0, n = 0;
};

struct NBitsKernels {
  void (*panel)(const NBitsPanel&);
  /// The panel as floats: 16 of them at c + p ldc for each p < k. Looks at neither A nor the bias.
  void (*unpack)(const NBitsPanel&);
};

}  // namespace tenon::kernels
