// Attention over heads: operands as the loops see them, the fused kernel, and scores written out.
#pragma once
#include <optional>

#include "kernels/attention.h"
#include "ops/kernel.h"
#include "ops/staging.h"

namespace tenon::ops::attention {

enum In : size_t { kQ, kK, kV, kMask, kPastKey, kPastValue, kLengths };
enum Out : size_t { kY, kPresentKey, kPresentValue, kScores };

/// A tensor seen as [batch, heads, length, width] with contiguous rows.
template <class T>
struct Heads {
  const T* data = nullptr;
  int64_t heads = 0, length = 0, width = 0;
  int64_t batch_step = 0, head_step = 0, row_step = 0;

  static Heads of(const TensorRef& t, const T* data, int64_t heads) {
    Heads h;
    h.data = data;
    if (t.rank == 4) {
      h.heads = t.dim[1], h.length = t.dim[2], h.width = t.dim[3];
      h.row_step = h.width, h.head_step = h.length * h.width, h.batch_step = h.heads * h.head_step;
    } else {
      h.heads = heads, h.length = t.dim[1], h.width = t.dim[2] / heads;
      h.head_step = h.width, h.row_step = t.dim[2], h.batch_step = h.length * t.dim[2];
    }
    return h;
  }
  const T* row(int64_t b, int64_t h, int64_t i) const { return data + b * batch_step + h * head_step + i * row_step; }
};

/// The additive mask with a unit stride along keys; strides of 0 broadcast.
template <class T>
struct Mask {
  const T* data = nullptr;
  int64_t batch = 0, head = 0, row = 0;
};

/// What the attributes say about scores.
struct Rules {
  int64_t left = -1, right = -1;  ///< keys seen before and after a query's position; -1: all
  float softcap = 0;              ///< 0: none
  int64_t shown = 0;              ///< stage of the scores that the 4th output shows
};

template <class T>
struct Call {
  Heads<T> q, k, v;
  Mask<T> mask;
  int64_t batch, past;
  T scale;
  const int32_t* lengths;  ///< valid keys per batch, or null
  int64_t out_batch, out_head, out_row;
  const float* sinks = nullptr;  ///< per query head, see kernels::AttentionArgs (the fused kernel only)
  /// Key position of query row 0 of batch b.
  int64_t offset(int64_t b) const { return lengths ? lengths[b] - q.length : past; }
};

/// The past (operand `past`) and new rows of K or V of `batch` entries: joined in output `present` (through `result`)
/// or in scratch, or the new rows as they lie.
template <class T>
Heads<T> extend_cache(KernelContext& c, const Heads<T>& now, int64_t batch, size_t past, size_t present,
                      const kernels::KernelTable& table, std::optional<ResultAs<T>>& result);
/// The same for new rows that operand i holds.
template <class T>
Heads<T> load_cache(KernelContext& c, size_t i, size_t past, size_t present, int64_t heads,
                    const kernels::KernelTable& table, std::optional<ResultAs<T>>& result);
/// attn_mask as numbers to add, its last dim filled up with -inf to `keys`.
template <class T>
Mask<T> load_mask(KernelContext& c, int64_t keys, const kernels::KernelTable& table);
/// nonpad_kv_seqlen, checked; null where it is missing.
const int32_t* load_lengths(KernelContext& c, int64_t keys);

void run_fused(const Parallel& par, const Call<float>& call, const Rules& rules, float* out,
               const kernels::KernelTable& table);
/// Scores written out: what the 4th output wants, and how double runs.
template <class T>
void run_plain(KernelContext& c, const Call<T>& call, const Rules& rules, T* out, const kernels::KernelTable& table);

}  // namespace tenon::ops::attention
