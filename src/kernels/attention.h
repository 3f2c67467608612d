// Scaled dot-product attention in fp32, fused: scores of a tile of query rows never leave the cache.
#pragma once
#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/epilogue.h"

namespace tenon::kernels {

/// O(b,h,i,:) = softmax_j(cap(scale Q(b,h,i,:) . K(b,g,j,:)) + mask(b,h,i,j)) V(b,g,j,:), g = h / (heads / kv_heads).
/// Every row of head_dim (v_dim) values is contiguous; the strides are in elements. A row whose scores are all -inf
/// gives NaN in numpy; here it gives `empty_row_value` (0 by default, as fused kernels do elsewhere).
struct AttentionArgs {
  int64_t batch = 1, heads = 1, kv_heads = 1, q_len = 0, kv_len = 0, head_dim = 0, v_dim = 0;
  const float* q = nullptr;
  int64_t q_batch = 0, q_head = 0, q_row = 0;
  const float* k = nullptr;
  int64_t k_batch = 0, k_head = 0, k_row = 0;
  const float* v = nullptr;
  int64_t v_batch = 0, v_head = 0, v_row = 0;
  float* out = nullptr;
  int64_t out_batch = 0, out_head = 0, out_row = 0;
  const float* mask = nullptr;  ///< added to the scores; strides of 0 broadcast; unit stride along j
  int64_t mask_batch = 0, mask_head = 0, mask_row = 0;
  const int32_t* kv_lengths = nullptr;  ///< per batch: keys at j >= kv_lengths[b] are not looked at
  bool causal = false;                  ///< key j is seen by row i when j <= i + causal_offset
  int64_t causal_offset = 0;            ///< usually kv_len - q_len or the length of the past
  int64_t window = 0;                   ///< > 0: and j > i + causal_offset - window (sliding window)
  float scale = 1;
  float softcap = 0;  ///< > 0: cap(s) = softcap tanh(s / softcap)
  float empty_row_value = 0;
  const float* sinks = nullptr;  ///< per head: the score of a key without a value, that only the sum counts
};
/// Stack memory only. Same rounding for every number of threads.
void attention(const AttentionArgs& args, const Parallel& par, const KernelTable& table = kernels());

}  // namespace tenon::kernels
