// Products with weights of a few bits, shared by MatMulNBits, MatMulBnb4 and MatMulFpQ4.
#pragma once
#include <optional>
#include <vector>

#include "kernels/gemm_nbits.h"
#include "ops/infer.h"
#include "ops/kernel.h"

namespace tenon::ops {

/// Memory that lives as long as the caller says: a vector at load, a kernel's scratch memory in a run.
using Memory = FunctionRef<void*(int64_t bytes)>;

/// Weights as the kernels pack them. The pointers live in the operands or in the memory of the caller.
struct NBitsWeights {
  kernels::NBitsShape shape;
  kernels::NBitsSource source;
};
/// The same weights in blocks of one value, with scale and zero of group(j, p): for groups that are no blocks along k.
NBitsWeights ungrouped(const NBitsWeights& w, Memory memory, FunctionRef<int64_t(int64_t j, int64_t p)> group);

/// Y = A B (+ bias) with packed weights; A, bias and Y may be 16-bit floats.
class NBitsProduct {
 public:
  /// Brings the operands of weights (by input index; null where missing) to one form.
  using Read = FunctionRef<NBitsWeights(std::span<const TensorRef* const> in, Memory memory)>;

  /// Packs constants once: inputs 1 to `weights` (missing ones count as constant).
  NBitsProduct(const NodeInfo& info, size_t weights, const float* codebook, Read read);
  /// bias: index of the operand, or SIZE_MAX.
  void run(KernelContext& c, size_t bias, Read read) const;

 private:
  size_t weights_;
  const float* codebook_;
  const kernels::KernelTable& table_;
  kernels::NBitsShape shape_;
  std::shared_ptr<const void> packed_;
};

/// Output 0 = [..., n] from input 0 [..., k].
void infer_nbits_product(InferContext& c, int64_t k, int64_t n);
/// A positive attribute below 2^31.
int64_t positive_attr(const graph::Attrs& attrs, const char* name);
/// Throws unless input i (where known) has `count` elements ("what": a phrase for the message).
void expect_count(InferContext& c, size_t i, int64_t count, const char* what);

}  // namespace tenon::ops
