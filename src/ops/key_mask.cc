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

}  // namespace tenon::ops
