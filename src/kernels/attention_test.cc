// Fused attention against plain loops: layouts, masks, causality, windows, grouped heads, long rows, every ISA.
#include "kernels/attention.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "support/kernel_data.h"
#include "support/reference/reference.h"

namespace tenon::kernels::attention_test {
namespace {

using test::each_table;
using test::expect_same_bits;
using test::Guarded;
using test::random_floats;

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Case {
  int64_t batch, heads, kv_heads, q_len, kv_len, dim, v_dim;
  bool rows_by_head = false;  ///< [batch, len, heads, dim] instead of [batch, heads, len, dim]
  int mask = 0;               ///< 1: per query row, 2: one row for all, 3: with rows of -inf only
  bool causal = false;
  int64_t window = 0;
  float softcap = 0;
  bool lengths = false;
};

void check(const Case& c) {
  AttentionArgs a;
  a.batch = c.batch, a.heads = c.heads, a.kv_heads = c.kv_heads, a.q_len = c.q_len, a.kv_len = c.kv_len;
  a.head_dim = c.dim, a.v_dim = c.v_dim;
  auto q = random_floats(c.batch * c.heads * c.q_len * c.dim, 1, -2, 2);
  auto k = random_floats(c.batch * c.kv_heads * c.kv_len * c.dim, 2, -2, 2);
  auto v = random_floats(c.batch * c.kv_heads * c.kv_len * c.v_dim, 3);
  auto layout = [&](int64_t heads, int64_t len, int64_t dim, int64_t& batch, int64_t& head, int64_t& row) {
    batch = heads * len * dim;
    head = c.rows_by_head ? dim : len * dim;
    row = c.rows_by_head ? heads * dim : dim;
  };
  layout(c.heads, c.q_len, c.dim, a.q_batch, a.q_head, a.q_row);
  layout(c.kv_heads, c.kv_len, c.dim, a.k_batch, a.k_head, a.k_row);
  layout(c.kv_heads, c.kv_len, c.v_dim, a.v_batch, a.v_head, a.v_row);
  layout(c.heads, c.q_len, c.v_dim, a.out_batch, a.out_head, a.out_row);
  a.q = q.data(), a.k = k.data(), a.v = v.data();
  auto mask = random_floats(c.mask == 2 ? c.kv_len : c.q_len * c.kv_len, 4);
  if (c.mask > 0) {
    for (int64_t i = 0; i < mask.size(); i += 5) mask[i] = -kInf;
    for (int64_t i = 0; i < c.kv_len && c.mask == 3; ++i) mask[i] = -kInf;
    a.mask = mask.data();
    a.mask_row = c.mask == 2 ? 0 : c.kv_len;
  }
  const std::vector<int32_t> lengths = {static_cast<int32_t>(c.kv_len / 2), static_cast<int32_t>(c.kv_len), 0};
  if (c.lengths) a.kv_lengths = lengths.data();
  a.causal = c.causal, a.causal_offset = c.kv_len - c.q_len, a.window = c.window, a.softcap = c.softcap;
  a.scale = 1 / std::sqrt(static_cast<float>(c.dim));
  a.empty_row_value = -3;
  const auto want = reference::attention(a);
  each_table([&](const KernelTable& t) {
    SCOPED_TRACE(fmt::format("batch {} heads {}/{} q {} kv {} dim {}/{} mask {} causal {} window {}", c.batch, c.heads,
                             c.kv_heads, c.q_len, c.kv_len, c.dim, c.v_dim, c.mask, c.causal, c.window));
    Guarded<float> out(static_cast<int64_t>(want.size()));
    a.out = out.data();
    expect_same_bits<float>(out, [&](const Parallel& par) { attention(a, par, t); });
    size_t e = 0;
    for (int64_t b = 0; b < c.batch; ++b)
      for (int64_t h = 0; h < c.heads; ++h)
        for (int64_t i = 0; i < c.q_len; ++i)
          for (int64_t d = 0; d < c.v_dim; ++d, ++e)
            ASSERT_NEAR(out[b * a.out_batch + h * a.out_head + i * a.out_row + d], want[e], 3e-6)
                << b << ' ' << h << ' ' << i;
  });
}

TEST(Attention, Shapes) {
  for (int64_t q : {1, 2, 5, 17, 100})
    for (int64_t kv : {1, 7, 64, 130})
      for (int64_t dim : {1, 16, 40, 64}) check({2, 2, 2, q, kv, dim, dim == 40 ? 33 : dim});
}

TEST(Attention, Layouts) {
  check({2, 3, 3, 20, 70, 32, 48, true});
  check({2, 6, 2, 20, 70, 32, 32});
  check({2, 6, 2, 1, 70, 32, 64, true});
  check({1, 2, 2, 9, 20, 300, 70});
}

TEST(Attention, MasksCausalityWindowsLengths) {
  for (int mask : {0, 1, 2, 3})
    for (bool causal : {false, true})
      for (int64_t window : {0, 1, 4})
        for (int64_t q : {1, 30}) check({1, 2, 2, q, 40, 16, 16, false, mask, causal, window});
  check({3, 2, 1, 7, 40, 16, 16, false, 1, true, 0, 0, true});
  check({1, 2, 2, 7, 40, 16, 16, false, 1, false, 0, 2.5f});
  check({1, 1, 1, 40, 7, 16, 16, false, 0, true});  // more queries than keys: the first rows see nothing
}

TEST(Attention, LongRowsGoThroughSeveralBlocks) {
  check({1, 1, 1, 100, 1300, 32, 32});
  check({1, 1, 1, 200, 1100, 16, 16, false, 1, true});
  check({1, 1, 1, 3, 1300, 16, 16, false, 0, true, 700});
  check({1, 1, 1, 1, 2000, 64, 64});
}

TEST(Attention, NanReachesItsRowOnly) {
  each_table([](const KernelTable& t) {
    Guarded<float> q(8 * 16, 0.5f), k(30 * 16, 0.5f), v(30 * 16, 1.f), out(8 * 16);
    q[3 * 16 + 2] = std::numeric_limits<float>::quiet_NaN();
    AttentionArgs a;
    a.q_len = 8, a.kv_len = 30, a.head_dim = a.v_dim = a.q_row = a.k_row = a.v_row = a.out_row = 16;
    a.q = q.data(), a.k = k.data(), a.v = v.data(), a.out = out.data();
    attention(a, {}, t);
    for (int64_t i = 0; i < 8 * 16; ++i) {
      if (i / 16 == 3)
        EXPECT_TRUE(std::isnan(out[i]));
      else
        EXPECT_NEAR(out[i], 1, 1e-6);
    }
  });
}

}  // namespace
}  // namespace tenon::kernels::attention_test
