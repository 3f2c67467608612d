// AffineGrid: theta applied to the coordinates in [-1, 1] of every pixel, for GridSample.
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::affine_grid {
namespace {

void infer(InferContext& c) {
  expect_rank(c, 0, 3);
  expect_rank(c, 1, 1);
  const auto size = c.ints(1);
  int64_t entries = size ? static_cast<int64_t>(size->size()) : c.has_rank(1) ? c.dims(1)[0] : c.fresh();
  if (is_symbol(entries) && c.has_rank(0) && !is_symbol(c.dims(0)[1])) entries = c.dims(0)[1] + 2;
  if (is_symbol(entries)) return c.set_unranked(0, c.dtype(0));
  if (entries != 4 && entries != 5) fail("size has {} entries, expected 4 (2-D) or 5 (3-D)", entries);
  const int64_t axes = entries - 2;
  if (c.has_rank(0)) {
    expect_equal(c, c.dims(0)[1], axes, "rows of theta and spatial dims");
    expect_equal(c, c.dims(0)[2], axes + 1, "columns of theta and spatial dims + 1");
  }
  Dims out{c.has_rank(0) ? c.dims(0)[0] : size ? (*size)[0] : c.fresh()};
  if (size) expect_equal(c, out[0], (*size)[0], "batch of theta and size");
  for (int64_t i = 0; i < axes; ++i) {
    const int64_t d = size ? (*size)[static_cast<size_t>(i) + 2] : c.fresh();
    if (!is_symbol(d) && d < 0) fail("size[{}] is {}, expected at least 0", i + 2, d);
    out.push_back(d);
  }
  out.push_back(axes);
  c.set(0, c.dtype(0), std::move(out));
}

class Kernel final : public ops::Kernel {
 public:
  explicit Kernel(const NodeInfo& info)
      : align_(info.attrs.get_int("align_corners", 0) != 0), table_(kernels::kernels_for(info.isa)) {}
  void run(KernelContext& c) const override {
    const TensorRef& theta = c.input(0);
    const TensorRef& sizes = c.input(1);
    const int64_t axes = theta.dim[1];
    const Dims dims = [&] {
      Dims d{theta.dim[0]};
      for (int64_t i = 2; i < sizes.count; ++i) d.push_back(sizes.as<int64_t>()[i]);
      d.push_back(axes);
      return d;
    }();
    const ResultAs<double> out(c, c.output(0), table_);
    const double* t = load_as<double>(c, 0, table_);
    const int64_t points = extent(dims, 1, dims.size() - 1);
    c.par.loop(dims[0] * points, 20, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        double at[4] = {};  // x, y(, z), 1
        int64_t rest = p % points;
        for (int64_t k = 0; k < axes; ++k) {  // the last dim is x
          const int64_t n = dims[static_cast<size_t>(axes - k)];
          at[k] = coordinate(rest % n, n);
          rest /= n;
        }
        at[axes] = 1;
        for (int64_t k = 0; k < axes; ++k) {
          const double* row = t + (p / points * axes + k) * (axes + 1);
          double sum = 0;
          for (int64_t j = 0; j <= axes; ++j) sum += row[j] * at[j];
          out.data()[p * axes + k] = sum;
        }
      }
    });
    out.store(c);
  }

 private:
  double coordinate(int64_t i, int64_t n) const {
    const double at = static_cast<double>(i), count = static_cast<double>(n);
    if (!align_) return (2 * at + 1) / count - 1;
    return n > 1 ? 2 * at / (count - 1) - 1 : 0;
  }

  bool align_;
  const kernels::KernelTable& table_;
};

constexpr Port kIn[] = {{"theta", kFloatSet, "T1"}, {"size", kInt64Set, "T2"}};
constexpr Port kOut[] = {{"grid", kFloatSet, "T1"}};
constexpr AttrDef kAttrs[] = {int_attr("align_corners", 0)};
constexpr OpDef kOps[] = {{"AffineGrid", "", 20, 0, kIn, kOut, kAttrs, infer, make<Kernel>}};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::affine_grid
