// Activation and Epilogue: what GEMM and convolution apply to a result before it leaves the cache.
#pragma once
#include <cstdint>

namespace tenon::kernels {

struct KernelTable;
/// The table of active_isa() (see kernels/table.h).
const KernelTable& kernels();

/// Functions of one value; p0 and p1 are their parameters. NaN gives NaN.
enum class Activation : uint8_t {
  kNone,
  kRelu,             ///< max(x, 0)
  kClip,             ///< min(max(x, p0), p1)
  kLeakyRelu,        ///< x < 0 ? p0 x : x
  kElu,              ///< x < 0 ? p0 (e^x - 1) : x
  kSelu,             ///< x < 0 ? p1 p0 (e^x - 1) : p1 x
  kCelu,             ///< max(0, x) + min(0, p0 (e^(x / p0) - 1))
  kThresholdedRelu,  ///< x > p0 ? x : 0
  kSigmoid,          ///< 1 / (1 + e^-x)
  kHardSigmoid,      ///< min(max(p0 x + p1, 0), 1)
  kTanh,
  kGeluErf,    ///< x/2 (1 + erf(x / sqrt 2))
  kGeluTanh,   ///< x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  kQuickGelu,  ///< x sigmoid(p0 x)
  kSilu,       ///< x sigmoid(x)
  kHardSwish,  ///< x min(max(x + 3, 0), 6) / 6
  kSoftplus,   ///< log(1 + e^x)
  kSoftsign,   ///< x / (1 + |x|)
  kMish,       ///< x tanh(softplus(x))
};
inline constexpr int kActivations = static_cast<int>(Activation::kMish) + 1;

enum class BiasKind : uint8_t { kNone, kPerColumn, kPerRow };

/// result = activation(value + bias + residual). Convolutions: a row is an output channel, so their bias is per row.
struct Epilogue {
  const float* bias = nullptr;
  BiasKind bias_kind = BiasKind::kNone;
  const float* residual = nullptr;  ///< same layout as the result; may be the result's own memory
  int64_t residual_ld = 0;          ///< row stride (convolution: ignored)
  Activation activation = Activation::kNone;
  float p0 = 0, p1 = 0;
};

}  // namespace tenon::kernels
