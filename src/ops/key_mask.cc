// Every form of mask_index as a matrix of numbers to add.
#include "ops/key_mask.h"

#include <algorithm>

namespace tenon::ops {

void check_key_mask(InferContext& c, size_t input, int64_t batch, int64_t queries, int64_t keys) {
  if (!c.has_rank(input)) return;
  const Dims& d = c.dims(input);
  bool fits = false;
  if (d.size() == 1) fits = !differ(d[0], batch) || !differ(d[0], c.sym.mul(batch, 2));
  if (d.size() == 2) fits = !differ(d[0], batch) && !differ(d[1], keys);
  if (d.size() == 3) fits = !differ(d[0], batch) && !differ(d[1], queries) && !differ(d[2], keys);
  if (d.size() == 4)
    fits = !differ(d[0], batch) && !differ(d[1], 1) && !differ(d[2], d[3]) &&
           (is_symbol(d[3]) || is_symbol(keys) || d[3] >= keys);
  if (!fits)
    fail("mask_index has dims {}, expected [{}], twice as many, [batch, {}], [batch, {}, keys] or [batch, 1, M, M]",
         c.sym.to_string(d), c.sym.to_string(batch), c.sym.to_string(keys), c.sym.to_string(queries));
}

KeyMask load_key_mask(KernelContext& c, size_t input, int64_t batch, int64_t queries, int64_t keys, float filter) {
  if (!c.has_input(input)) return {};
  const TensorRef& m = c.input(input);
  const auto* from = m.as<int32_t>();
  const int64_t rows = m.rank > 2 ? queries : 1;
  float* to = c.scratch<float>(batch * rows * keys);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < rows; ++i) {
      float* row = to + (b * rows + i) * keys;
      if (m.rank == 1) {
        const int64_t end = from[b], start = m.count == batch ? 0 : from[batch + b];
        for (int64_t j = 0; j < keys; ++j) row[j] = j >= start && j < end ? 0 : filter;
        continue;
      }
      const int64_t square = m.dim[m.rank - 1];
      const int32_t* shown =
          m.rank == 4 ? from + (b * square + keys - queries + i) * square : from + (b * rows + i) * keys;
      for (int64_t j = 0; j < keys; ++j) row[j] = shown[j] > 0 ? 0 : filter;
    }
  return {to, rows * keys, rows > 1 ? keys : 0};
}

void check_attention_bias(InferContext& c, size_t input, int64_t batch, int64_t heads, int64_t queries, int64_t keys) {
  expect_rank(c, input, 4);
  if (!c.has_rank(input)) return;
  const Dims& d = c.dims(input);
  if ((d[0] != 1 && differ(d[0], batch)) || (d[1] != 1 && differ(d[1], heads)) || differ(d[2], queries) ||
      differ(d[3], keys))
    fail("attention_bias has dims {}, expected {}, of which the first two may be 1", c.sym.to_string(d),
         c.sym.to_string(Dims{batch, heads, queries, keys}));
}

attention::Mask<float> with_bias(KernelContext& c, const KeyMask& mask, size_t input, int64_t batch, int64_t queries,
                                 int64_t keys, const kernels::KernelTable& table) {
  if (!c.has_input(input)) return {mask.data, mask.batch_step, 0, mask.row_step};
  const TensorRef& t = c.input(input);
  const int64_t heads = t.dim[1], plane = queries * t.dim[3];
  attention::Mask<float> bias{load_f32(c, t, table), t.dim[0] == 1 ? 0 : heads * plane, heads == 1 ? 0 : plane,
                              t.dim[3]};
  if (!mask.data) return bias;
  const int64_t rows = heads * queries;
  float* sum = c.scratch<float>(checked_mul(batch * rows, keys));
  c.par.loop(batch * rows, static_cast<double>(keys), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t b = r / rows, i = r % queries;
      const float *x = bias.data + b * bias.batch + r % rows / queries * bias.head + i * bias.row,
                  *m = mask.data + b * mask.batch_step + i * mask.row_step;
      for (int64_t j = 0; j < keys; ++j) sum[r * keys + j] = x[j] + m[j];
    }
  });
  return {sum, rows * keys, heads == 1 ? 0 : queries * keys, keys};
}

}  // namespace tenon::ops
