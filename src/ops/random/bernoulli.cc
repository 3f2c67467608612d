// Bernoulli: 1 with the probability in the input, else 0. Numbers by counter (see ops/random_numbers.h), with `seed`.
#include "kernels/table.h"
#include "ops/convert.h"
#include "ops/infer.h"
#include "ops/map.h"
#include "ops/random_numbers.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::bernoulli {
namespace {

class Bernoulli final : public Kernel {
 public:
  explicit Bernoulli(const NodeInfo& n) : seed_(n.attrs), table_(kernels::kernels_for(n.isa)) {}
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    const double* p = load_as<double>(c, 0, table_);
    uint8_t* drawn = y.dtype == DType::kUint8 ? y.out<uint8_t>() : c.scratch<uint8_t>(y.count);
    const Philox generator(seed_.next());
    c.par.loop(y.count, 10, [&](int64_t begin, int64_t end) {
      generator.uniform(begin, end, [&](int64_t i, double u) { drawn[i] = u < p[i]; });
    });
    if (y.dtype != DType::kUint8) Converter(DType::kUint8, y.dtype).run(c.par, drawn, y.data, y.count);
  }

 private:
  Seed seed_;
  const kernels::KernelTable& table_;
};

void infer(InferContext& c) {
  infer_like(c, dtype_attr(c.attrs(), "dtype", c.node().def->outputs[0].types, c.dtype(0)));
}

constexpr AttrDef kAttrs[] = {optional_attr("dtype", AttrKind::kInt), optional_attr("seed", AttrKind::kFloat)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"input", T, "T1"}}, kOut[] = {{"output", kNumericSet | kBoolSet, "T2"}};
};
constexpr OpDef kRow = {
    .name = "Bernoulli", .attrs = kAttrs, .infer = infer, .make = make<Bernoulli>, .deterministic = false};
constexpr OpDef kOps[] = {row_of<Ports<kOldFloatSet>>(kRow, 15, 21), row_of<Ports<kFloatSet>>(kRow, 22, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::bernoulli
