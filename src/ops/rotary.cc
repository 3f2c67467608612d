// Pairs turned by their angle, by row kernels where pairs are halves apart.
#include "ops/rotary.h"

#include <algorithm>

#include "kernels/rows.h"
#include "kernels/table.h"

namespace tenon::ops::rotary {

void turn(const float* x, Angles angle, float* y, int64_t half, int64_t size, bool interleaved,
          const kernels::KernelTable& table) {
  const float *cos = angle.cos, *sin = angle.sin;
  std::copy(x + 2 * half, x + size, y + 2 * half);
  if (interleaved) {
    for (int64_t i = 0; i < half; ++i) {
      const float a = x[2 * i], b = x[2 * i + 1];
      y[2 * i] = cos[i] * a - sin[i] * b;
      y[2 * i + 1] = sin[i] * a + cos[i] * b;
    }
    return;
  }
  const auto mul = kernels::binary_rows(kernels::Binary::kMul, table).vv;
  const auto add = kernels::binary_rows(kernels::Binary::kAdd, table).vv;
  const auto sub = kernels::binary_rows(kernels::Binary::kSub, table).vv;
  float product[256];
  for (int64_t i = 0; i < half; i += 256) {
    const int64_t n = std::min<int64_t>(256, half - i);
    const float *a = x + i, *b = x + half + i;
    mul(cos + i, a, y + i, n);
    mul(sin + i, b, product, n);
    sub(y + i, product, y + i, n);
    mul(sin + i, a, y + half + i, n);
    mul(cos + i, b, product, n);
    add(y + half + i, product, y + half + i, n);
  }
}

Layout Layout::of(const TensorRef& x, int64_t heads) {
  if (x.rank == 4) return {x.dim[0], x.dim[1], x.dim[2], x.dim[3], true};
  return {x.dim[0], heads, x.dim[1], x.dim[2] / heads, false};
}

void turn_all(const Parallel& par, const Layout& at, const float* x, float* y, int64_t half, bool interleaved,
              FunctionRef<Angles(int64_t, int64_t)> angles, const kernels::KernelTable& table) {
  const int64_t each = at.heads * at.length;
  par.loop(at.batch * each, 1.5 * static_cast<double>(at.size), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t s = at.heads_first ? r % at.length : r % each / at.heads;
      turn(x + r * at.size, angles(r / each, s), y + r * at.size, half, at.size, interleaved, table);
    }
  });
}

}  // namespace tenon::ops::rotary
