// com.microsoft CDist: distance of each row of A [M, K] to each row of B [N, K], or its square.
#include <cmath>

#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/rows.h"

namespace tenon::ops::cdist {
namespace {

bool is_squared(const graph::Attrs& attrs) {
  const std::string_view metric = attrs.get_string("metric", "sqeuclidean");
  if (metric != "sqeuclidean" && metric != "euclidean")
    fail(ErrorCode::kNotImplemented, "metric is \"{}\", expected sqeuclidean or euclidean", metric);
  return metric == "sqeuclidean";
}

void infer(InferContext& c) {
  is_squared(c.attrs());
  expect_rank(c, 0, 2);
  expect_rank(c, 1, 2);
  if (c.has_rank(0) && c.has_rank(1)) expect_equal(c, c.dims(0)[1], c.dims(1)[1], "columns of A and B");
  c.set(0, c.dtype(0), {c.has_rank(0) ? c.dims(0)[0] : c.fresh(), c.has_rank(1) ? c.dims(1)[0] : c.fresh()});
}

struct CDist final : Kernel {
  explicit CDist(const NodeInfo& n) : squared(is_squared(n.attrs)) {}
  void run(KernelContext& c) const override {
    const TensorRef &a = c.input(0), &b = c.input(1), &y = c.output(0);
    if (y.count == 0) return;
    const int64_t n = b.dim[0], k = a.dim[1];
    visit<RealFloats>(a.dtype, [&]<class T>() {
      // Sums of squares of differences: nothing cancels, unlike in a a' + b b' - 2 a b'.
      c.par.loop(a.dim[0], static_cast<double>(n * k), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          for (int64_t j = 0; j < n; ++j) {
            const T *p = a.as<T>() + i * k, *q = b.as<T>() + j * k;
            T sum[8] = {};
            int64_t t = 0;
            for (; t + 8 <= k; t += 8)
              for (int u = 0; u < 8; ++u) sum[u] += (p[t + u] - q[t + u]) * (p[t + u] - q[t + u]);
            for (; t < k; ++t) sum[0] += (p[t] - q[t]) * (p[t] - q[t]);
            const T all = (sum[0] + sum[1] + (sum[2] + sum[3])) + (sum[4] + sum[5] + (sum[6] + sum[7]));
            y.out<T>()[i * n + j] = squared ? all : std::sqrt(all);
          }
      });
    });
  }
  bool squared;
};

constexpr Port kIn[] = {{"A", RealFloats::set}, {"B", RealFloats::set}}, kOut[] = {{"C", RealFloats::set}};
constexpr AttrDef kAttrs[] = {string_attr("metric", "sqeuclidean")};
constexpr OpDef kOps[] = {{"CDist", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<CDist>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::cdist
