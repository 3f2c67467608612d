// Convolution kernel, shared by Conv and com.microsoft FusedConv.
#pragma once
#include <optional>

#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/window.h"

namespace tenon::ops::conv {

/// Output 0 = [N, M, out...] from X [N, C, in...] and W [M, C / group, kernel...].
void infer(InferContext& c);

/// Y = act(conv(X, W) + B + residual). Constant weights are packed once. Up to 3 spatial dims run the kernels of
/// kernels/conv.h, float16 and bfloat16 through fp32; double and more spatial dims run plain loops.
class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info);
  /// residual: index of an fp32 operand shaped like Y (0 = none).
  Kernel(const NodeInfo& info, const kernels::Epilogue& activation, size_t residual);
  void run(KernelContext& c) const override;

 private:
  const Window& window(KernelContext& c, std::optional<Window>& local) const;
  void run_f32(KernelContext& c, const Window& w) const;
  template <class T>
  void run_plain(KernelContext& c, const Window& w, const T* x, const T* weights, const T* bias, T* y) const;

  graph::Attrs attrs_;
  int64_t groups_;
  kernels::Epilogue activation_;
  size_t residual_;
  const kernels::KernelTable& table_;
  std::optional<Window> window_;  ///< when the weights' dims are known
  Value weights_, bias_;          ///< constants as fp32
  std::shared_ptr<const void> packed_;
};

}  // namespace tenon::ops::conv
