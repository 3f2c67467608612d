// Convolution of 8-bit integers into int32, shared by ConvInteger and QLinearConv.
#pragma once
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/kernel.h"

namespace tenon::ops {

/// acc(n, m, o) = sum over c, k of (W(m, c, k) - w_zero(m)) (X(n, c, o stride + k dilation - pad) - x_zero), modulo
/// 2^32; positions outside X count as x_zero. Any number of spatial dims.
class IntegerConv {
 public:
  /// Operand indices; missing zero points are 0.
  struct Operands {
    size_t x, w, x_zero, w_zero;
  };
  IntegerConv(const NodeInfo& info, Operands operands);
  /// fn(acc, batch, first channel, channels, positions) for each group of each image.
  void run(KernelContext& c, FunctionRef<void(int32_t*, int64_t, int64_t, int64_t, int64_t)> fn) const;
  const kernels::KernelTable& table() const { return table_; }

 private:
  Operands at_;
  graph::Attrs attrs_;
  int64_t groups_;
  const kernels::KernelTable& table_;
};

/// Output 0 = [N, M, out...] with element type `out`; zero points: x's a scalar, w's a scalar or one per output
/// channel.
void infer_integer_conv(InferContext& c, IntegerConv::Operands operands, DType out);

}  // namespace tenon::ops
