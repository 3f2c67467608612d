// Multinomial: class indices drawn with probabilities proportional to e^input. Numbers by counter (see
// ops/random_numbers.h), with `seed`.
#include <algorithm>
#include <cmath>

#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/map.h"
#include "ops/random_numbers.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::multinomial {
namespace {

class Multinomial final : public Kernel {
 public:
  explicit Multinomial(const NodeInfo& n) : seed_(n.attrs), table_(kernels::kernels_for(n.isa)) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    const int64_t classes = x.dim[1], samples = y.dim[1];
    if (classes == 0) fail("input has no classes to draw from");
    const double* logs = load_as<double>(c, x, table_);
    double* sums = c.scratch<double>(x.count);  // running sums of e^(x - max) per row
    const Philox generator(seed_.next());
    c.par.loop(x.dim[0], 20.0 * static_cast<double>(classes + samples), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const double* row = logs + r * classes;
        double* to = sums + r * classes;
        const double top = *std::max_element(row, row + classes);
        double total = 0;
        for (int64_t k = 0; k < classes; ++k) to[k] = total += std::exp(row[k] - top);
        generator.uniform(r * samples, (r + 1) * samples, [&](int64_t i, double u) {
          const int64_t k = std::min<int64_t>(std::upper_bound(to, to + classes, u * total) - to, classes - 1);
          if (y.dtype == DType::kInt32)
            y.out<int32_t>()[i] = static_cast<int32_t>(k);
          else
            y.out<int64_t>()[i] = k;
        });
      }
    });
  }

 private:
  Seed seed_;
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  const DType t = dtype_attr(c.attrs(), "dtype", c.node().def->outputs[0].types, DType::kInt32);
  const int64_t samples = c.attrs().get_int("sample_size", 1);
  if (samples < 1) fail("attribute sample_size is {}, expected at least 1", samples);
  expect_rank(c, 0, 2);
  c.set(0, t, {c.has_rank(0) ? c.dims(0)[0] : c.fresh(), samples});
}

constexpr AttrDef kAttrs[] = {int_attr("dtype", 6), int_attr("sample_size", 1),
                              optional_attr("seed", AttrKind::kFloat)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"input", T, "T1"}}, kOut[] = {{"output", kIndexSet, "T2"}};
};
constexpr OpDef kRow = {
    .name = "Multinomial", .attrs = kAttrs, .infer = infer, .make = make<Multinomial>, .deterministic = false};
constexpr OpDef kOps[] = {row_of<Ports<kOldFloatSet>>(kRow, 7, 21), row_of<Ports<kFloatSet>>(kRow, 22, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::multinomial
