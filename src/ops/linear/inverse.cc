// com.microsoft Inverse: the inverse of each matrix of the last two dims, by elimination with partial pivoting in
// double. A singular matrix gives infinities and NaN, as division by zero does.
#include <algorithm>
#include <cmath>

#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::inverse {
namespace {

/// `work` holds [a, identity] in rows of 2 n; its right half becomes the inverse.
void invert(double* work, int64_t n) {
  const int64_t width = 2 * n;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i)
      if (std::abs(work[i * width + k]) > std::abs(work[pivot * width + k])) pivot = i;
    if (pivot != k) std::swap_ranges(work + k * width, work + (k + 1) * width, work + pivot * width);
    double* row = work + k * width;
    const double factor = 1 / row[k];
    for (int64_t j = k; j < width; ++j) row[j] *= factor;
    for (int64_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double f = work[i * width + k];
      if (f == 0) continue;
      for (int64_t j = k; j < width; ++j) work[i * width + j] -= f * row[j];
    }
  }
}

class Inverse final : public FloatMap<Inverse> {
 public:
  using FloatMap::FloatMap;

  template <class T>
  void compute(KernelContext& c, const T* x, T* y) const {
    const TensorRef& in = c.input(0);
    const int64_t n = in.dim[in.rank - 1];
    double* work = c.scratch<double>(2 * n * n);
    for (int64_t m = 0; m < in.count / (n * n); ++m) {
      if (c.par.cancel) c.par.cancel->check();
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) {
          work[i * 2 * n + j] = static_cast<double>(x[(m * n + i) * n + j]);
          work[i * 2 * n + n + j] = i == j;
        }
      invert(work, n);
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) y[(m * n + i) * n + j] = static_cast<T>(work[i * 2 * n + n + j]);
    }
  }
};

void infer(InferContext& c) {
  if (c.has_rank(0)) {
    const Dims& d = c.dims(0);
    if (d.size() < 2) fail("X has shape {}, expected rank 2 or more", c.sym.to_string(d));
    expect_equal(c, d[d.size() - 2], d.back(), "rows and columns of X");
  }
  c.set_type(0, c.type(0));
}

constexpr Port kIn[] = {{"X", kOldFloatSet}}, kOut[] = {{"Y", kOldFloatSet}};
constexpr OpDef kOps[] = {
    {"Inverse", "com.microsoft", 1, 0, kIn, kOut, {}, infer, make<Inverse>, Lowering::kKernel, 1}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::inverse
