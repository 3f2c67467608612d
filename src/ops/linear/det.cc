// Det: determinants of square matrices, by elimination with the largest pivot of each column, in double.
#include <cmath>
#include <utility>

#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::det {
namespace {

void infer(InferContext& c) {
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  Dims d = c.dims(0);
  if (d.size() < 2) fail("X has rank {}, expected at least 2 (rows and columns of a matrix)", d.size());
  if (differ(d[d.size() - 1], d[d.size() - 2])) fail("X has shape {}, expected square matrices", c.sym.to_string(d));
  d.resize(d.size() - 2);
  c.set(0, c.dtype(0), std::move(d));
}

/// The matrix is destroyed.
double determinant(double* a, int64_t n) {
  double product = 1;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i)
      if (std::fabs(a[i * n + k]) > std::fabs(a[pivot * n + k])) pivot = i;
    if (pivot != k) {
      for (int64_t j = k; j < n; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
      product = -product;
    }
    product *= a[k * n + k];
    if (a[k * n + k] == 0) return product;  // 0, or the NaN of an infinity before
    for (int64_t i = k + 1; i < n; ++i) {
      const double f = a[i * n + k] / a[k * n + k];
      for (int64_t j = k + 1; j < n; ++j) a[i * n + j] -= f * a[k * n + j];
    }
  }
  return product;
}

struct Det final : Kernel {
  explicit Det(const NodeInfo& info) : table(kernels::kernels_for(info.isa)) {}
  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    const int64_t n = x.dim[x.rank - 1], size = n * n;
    const ResultAs<double> out(c, c.output(0), table);
    double* work = c.scratch<double>(x.count);
    const double* in = load_as<double>(c, x, table);
    const double cost = static_cast<double>(n) * static_cast<double>(size) / 2 + 20;
    c.par.loop(c.output(0).count, cost, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        std::copy_n(in + i * size, size, work + i * size);
        out.data()[i] = determinant(work + i * size, n);
      }
    });
    out.store(c);
  }
  const kernels::KernelTable& table;
};

template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"X", T}}, kOut[] = {{"Y", T}};
};
constexpr OpDef kRow = {.name = "Det", .infer = infer, .make = make<Det>};
constexpr OpDef kOps[] = {row_of<Ports<kOldFloatSet>>(kRow, 11, 21), row_of<Ports<kFloatSet>>(kRow, 22, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::det
