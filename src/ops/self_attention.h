// Attention of tokens to themselves and their past, as com.microsoft Attention and QAttention have it once queries,
// keys and values are projected.
#pragma once
#include "kernels/epilogue.h"
#include "ops/infer.h"
#include "ops/kernel.h"

namespace tenon::ops {

class SelfAttention {
 public:
  static constexpr size_t kNone = SIZE_MAX;
  /// Operands by index; kNone: the op has none.
  struct Operands {
    size_t mask, past, bias = kNone;
  };

  /// num_heads; throws where it is missing or the attributes ask for what is not implemented.
  static int64_t heads_of(const graph::Attrs& attrs);
  /// Checks the operands against input 0 [batch, length, any] and sets the outputs output and present.
  static void infer(InferContext& c, DType t, int64_t hidden, int64_t v_hidden, const Operands& in);

  SelfAttention(const NodeInfo& n, const kernels::KernelTable& table);
  /// qkv [batch, length, 2 hidden + v_hidden]: queries, keys and values of all heads. Writes outputs 0 and 1.
  void run(KernelContext& c, const float* qkv, int64_t hidden, int64_t v_hidden, const Operands& in) const;

 private:
  int64_t heads_;
  bool causal_;
  float scale_, filter_;
  const kernels::KernelTable& table_;
};

}  // namespace tenon::ops
