// The operand mask_index of com.microsoft Attention and its kin.
#pragma once
#include "ops/attention.h"
#include "ops/infer.h"
#include "ops/kernel.h"

namespace tenon::ops {

/// Numbers to add to the scores of batch entry b and query i: data + b batch_step + i row_step, one per key.
struct KeyMask {
  const float* data = nullptr;  ///< null: nothing is masked
  int64_t batch_step = 0, row_step = 0;
};

/// Forms, all int32: [B] ends of the keys, [2 B] ends and then starts, [B, keys] and [B, queries, keys] (0 = masked),
/// [B, 1, M, M] of which the rows from keys - queries on and the first `keys` columns count. Masked keys get `filter`.
KeyMask load_key_mask(KernelContext& c, size_t input, int64_t batch, int64_t queries, int64_t keys, float filter);
/// Throws unless the operand, where present, has one of these forms.
void check_key_mask(InferContext& c, size_t input, int64_t batch, int64_t queries, int64_t keys);

/// `mask` plus the operand attention_bias [batch or 1, heads or 1, queries, width], width >= keys, where present.
attention::Mask<float> with_bias(KernelContext& c, const KeyMask& mask, size_t input, int64_t batch, int64_t queries,
                                 int64_t keys, const kernels::KernelTable& table);
/// Throws unless the operand, where present, is [batch or 1, heads or 1, queries, keys].
void check_attention_bias(InferContext& c, size_t input, int64_t batch, int64_t heads, int64_t queries, int64_t keys);

}  // namespace tenon::ops
