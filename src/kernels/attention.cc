// Fused attention: a tile of query rows meets blocks of keys; softmax runs along as the blocks come by.
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/gemm_tasks.h"
#include "kernels/rows.h"
#include "kernels/table.h"

namespace tenon::kernels {
namespace {

constexpr int64_t kQueries = 96, kKeys = 512;
constexpr float kInf = std::numeric_limits<float>::infinity();

constexpr int64_t round_up(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

class Tile {
 public:
  Tile(const AttentionArgs& a, const KernelTable& t)
      : a_(a),
        t_(t),
        tiles_(*t.gemm),
        tanh_(unary_row(Unary::kTanh, t)),
        mul_(binary_rows(Binary::kMul, t).vs),
        add_(binary_rows(Binary::kAdd, t).vv) {}

  // Query rows [i0, i0 + rows) of one batch entry and head.
  void run(int64_t b, int64_t h, int64_t i0, int64_t rows, const CancelToken* cancel) {
    const int64_t g = h / (a_.heads / a_.kv_heads);
    q_ = a_.q + b * a_.q_batch + h * a_.q_head + i0 * a_.q_row;
    k_ = a_.k + b * a_.k_batch + g * a_.k_head;
    v_ = a_.v + b * a_.v_batch + g * a_.v_head;
    out_ = a_.out + b * a_.out_batch + h * a_.out_head + i0 * a_.out_row;
    mask_ = a_.mask ? a_.mask + b * a_.mask_batch + h * a_.mask_head + i0 * a_.mask_row : nullptr;
    first_row_ = i0;
    rows_ = rows;
    const bool sink = a_.sinks && a_.sinks[h] != -kInf;
    std::fill(top_, top_ + rows, sink ? a_.sinks[h] : -kInf);
    std::fill(total_, total_ + rows, sink ? 1.f : 0.f);
    int64_t end = a_.kv_lengths ? std::clamp<int64_t>(a_.kv_lengths[b], 0, a_.kv_len) : a_.kv_len, begin = 0;
    if (a_.causal) end = std::clamp<int64_t>(i0 + rows + a_.causal_offset, 0, end);  // tuning: soften() hides the rest
    if (a_.window > 0)
      begin = std::clamp<int64_t>(i0 + a_.causal_offset - a_.window + 1, 0, end);  // tuning: soften() hides the rest
    bool first = true;
    for (int64_t j = begin; j < end; j += kKeys, first = false) {
      if (cancel) cancel->check();
      const int64_t n = std::min(kKeys, end - j);
      scores(j, n);
      for (int64_t i = 0; i < rows; ++i) soften(i, j, n, first);
      add_values(j, n, first);
    }
    for (int64_t i = 0; i < rows; ++i) {
      float* o = out_ + i * a_.out_row;
      if (first || total_[i] == 0) {
        std::fill(o, o + a_.v_dim, a_.empty_row_value);
      } else {
        const float inverse = 1 / total_[i];
        mul_(o, &inverse, o, a_.v_dim);
      }
    }
  }

 private:
  // s_(i, j) = scale q(i) . k(j0 + j)
  void scores(int64_t j0, int64_t n) {
    const float* k = k_ + j0 * a_.k_row;
    if (rows_ <= 3) {  // tuning: choice of path
      tiles_.dot(q_, a_.q_row, k, a_.k_row, rows_, a_.head_dim, n, s_, kKeys);
      for (int64_t i = 0; i < rows_; ++i) mul_(s_ + i * kKeys, &a_.scale, s_ + i * kKeys, n);
      return;
    }
    for (int64_t j = 0; j < n; j += tiles_.nr)
      for (int64_t d = 0; d == 0 || d < a_.head_dim; d += kGemmKc) {
        GemmPanel p;
        p.n = std::min<int64_t>(tiles_.nr, n - j);
        p.k = std::min(kGemmKc, a_.head_dim - d);
        tiles_.pack_columns(k + j * a_.k_row + d, a_.k_row, p.k, p.n, panel_);
        p.a = q_ + d;
        p.a_row = a_.q_row;
        p.a_tile = tiles_.mr * a_.q_row;
        p.b = panel_;
        p.b_row = round_up(p.n, tiles_.width);
        p.c = s_ + j;
        p.ldc = kKeys;
        p.m = rows_;
        p.alpha = a_.scale;
        p.beta = d == 0 ? 0 : 1;
        tiles_.panel(p);
      }
  }

  // Row i of s_ becomes exp(score - top); what was added up before is brought to the new top.
  void soften(int64_t i, int64_t j0, int64_t n, bool first) {
    float* s = s_ + i * kKeys;
    if (a_.softcap > 0) {
      const float inverse = 1 / a_.softcap;
      mul_(s, &inverse, s, n);
      tanh_(s, s, n);
      mul_(s, &a_.softcap, s, n);
    }
    if (mask_) add_(s, mask_ + i * a_.mask_row + j0, s, n);
    const int64_t last = first_row_ + i + a_.causal_offset;
    if (a_.causal) std::fill(s + std::clamp<int64_t>(last + 1 - j0, 0, n), s + n, -kInf);
    if (a_.window > 0) std::fill(s, s + std::clamp<int64_t>(last - a_.window + 1 - j0, 0, n), -kInf);
    const float block = static_cast<float>(t_.reduce->fold[static_cast<int>(Fold::kMax)](s, n));
    const float top = !(block <= top_[i]) ? block : top_[i];  // tuning: NaN wins
    if (top == -kInf) {
      std::fill(s, s + n, 0.f);
      return;
    }
    if (top != top_[i]) {
      const float shrink = std::exp(top_[i] - top);  // 0 where nothing was seen before
      total_[i] *= shrink;
      float* o = out_ + i * a_.out_row;
      if (!first) mul_(o, &shrink, o, a_.v_dim);
      top_[i] = top;
    }
    total_[i] += t_.reduce->exp_sum(s, s, n, top);
  }

  // out (+)= s_ v
  void add_values(int64_t j0, int64_t n, bool first) {
    for (int64_t d = 0; d < a_.v_dim; d += tiles_.nr)
      for (int64_t j = 0; j < n; j += kGemmKc) {
        GemmPanel p;
        p.n = std::min<int64_t>(tiles_.nr, a_.v_dim - d);
        p.k = std::min(kGemmKc, n - j);
        p.b_row = round_up(p.n, tiles_.width);
        p.b = panel_;
        const float* v = v_ + (j0 + j) * a_.v_row + d;
        if (p.n % tiles_.width == 0 && (rows_ <= tiles_.mr || a_.v_row <= 2 * kGemmMaxNr)) {  // tuning: choice of path
          p.b = v;
          p.b_row = a_.v_row;
        } else {
          tiles_.pack_rows(v, a_.v_row, p.k, p.n, panel_);
        }
        p.a = s_ + j;
        p.a_row = kKeys;
        p.a_tile = tiles_.mr * kKeys;
        p.c = out_ + d;
        p.ldc = a_.out_row;
        p.m = rows_;
        p.beta = first && j == 0 ? 0 : 1;
        tiles_.panel(p);
      }
  }

  const AttentionArgs& a_;
  const KernelTable& t_;
  const GemmTiles& tiles_;
  UnaryRow tanh_;
  BinaryRow mul_, add_;
  const float *q_ = nullptr, *k_ = nullptr, *v_ = nullptr, *mask_ = nullptr;
  float* out_ = nullptr;
  int64_t first_row_ = 0, rows_ = 0;
  float top_[kQueries], total_[kQueries];
  alignas(64) float s_[kQueries * kKeys];
  alignas(64) float panel_[kGemmKc * kGemmMaxNr];
};

}  // namespace

void attention(const AttentionArgs& a, const Parallel& par, const KernelTable& table) {
  if (a.q_len <= 0 || a.v_dim <= 0) return;
  const int64_t tiles = (a.q_len + kQueries - 1) / kQueries;                     // tuning
  const int64_t rows = round_up((a.q_len + tiles - 1) / tiles, table.gemm->mr);  // tuning
  const int64_t each = (a.q_len + rows - 1) / rows;
  const double cost = 0.02 * static_cast<double>(std::min(rows, a.q_len)) * static_cast<double>(a.kv_len) *
                      static_cast<double>(a.head_dim + a.v_dim);
  par.loop(a.batch * a.heads * each, cost, [&](int64_t t0, int64_t t1) {
    Tile tile(a, table);
    for (int64_t t = t0; t < t1; ++t) {
      const int64_t i = t % each * rows, h = t / each % a.heads;
      tile.run(t / each / a.heads, h, i, std::min(rows, a.q_len - i), par.cancel);
    }
  });
}

}  // namespace tenon::kernels
