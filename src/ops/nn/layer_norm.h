// Layer normalisation and root mean square normalisation of rows, shared by the ONNX and com.microsoft forms.
#pragma once
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/nn/norm.h"

namespace tenon::ops::layer_norm {

/// Operands of one call; indices that are SIZE_MAX are absent. y's dtype may differ from x's.
struct Form {
  bool centred = true;  ///< false: y = x / rms(x) * scale
  size_t scale = 1, bias = SIZE_MAX;
  size_t mean_out = SIZE_MAX, inv_std_out = SIZE_MAX;
  float eps = 1e-5f;
};

/// Normalises input 0 over the dims from `axis` on (negative counts from the end) into output 0.
void normalize(KernelContext& c, const Form& form, int64_t axis, const kernels::KernelTable& table);

/// LayerNormalization's infer: Y like X, Mean and InvStdDev with dims from axis on set to 1.
void infer(InferContext& c);

}  // namespace tenon::ops::layer_norm
