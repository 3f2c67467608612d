// Bernoulli: 1 with the probability in the input, else 0. Multinomial: class indices drawn with probabilities
// proportional to e^input. Numbers by counter (see ops/random_numbers.h), with `seed`.
#include <algorithm>
#include <cmath>

#include "ops/convert.h"
#include "ops/infer.h"
#include "ops/map_rows.h"
#include "ops/random_numbers.h"

namespace tenon::ops::draws {
namespace {

const double* doubles(KernelContext& c, const TensorRef& t) {
  if (t.dtype == DType::kDouble) return t.as<double>();
  double* out = c.scratch<double>(t.count);
  Converter(t.dtype, DType::kDouble).run(c.par, t.data, out, t.count);
  return out;
}

class Bernoulli final : public Kernel {
 public:
  explicit Bernoulli(const NodeInfo& n) : seed_(n.attrs) {}
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    const double* p = doubles(c, c.input(0));
    uint8_t* drawn = y.dtype == DType::kUint8 ? y.out<uint8_t>() : c.scratch<uint8_t>(y.count);
    const Philox generator(seed_.next());
    c.par.loop(y.count, 10, [&](int64_t begin, int64_t end) {
      generator.uniform(begin, end, [&](int64_t i, double u) { drawn[i] = u < p[i]; });
    });
    if (y.dtype != DType::kUint8) Converter(DType::kUint8, y.dtype).run(c.par, drawn, y.data, y.count);
  }

 private:
  Seed seed_;
};

class Multinomial final : public Kernel {
 public:
  explicit Multinomial(const NodeInfo& n) : seed_(n.attrs) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    const int64_t classes = x.dim[1], samples = y.dim[1];
    if (classes == 0) fail("input has no classes to draw from");
    const double* logs = doubles(c, x);
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
};

DType asked_type(InferContext& c, DType otherwise) {
  return dtype_attr(c.attrs(), "dtype", c.node().def->outputs[0].types, otherwise);
}
void infer_bernoulli(InferContext& c) { infer_like(c, asked_type(c, c.dtype(0))); }
void infer_multinomial(InferContext& c) {
  const DType t = asked_type(c, DType::kInt32);
  const int64_t samples = c.attrs().get_int("sample_size", 1);
  if (samples < 1) fail("attribute sample_size is {}, expected at least 1", samples);
  expect_rank(c, 0, 2);
  c.set(0, t, {c.has_rank(0) ? c.dims(0)[0] : c.fresh(), samples});
}

template <DTypeSet S>
constexpr Port kIn[] = {{"input", S, "T1"}};
constexpr Port kOutBernoulli[] = {{"output", kNumericSet | kBoolSet, "T2"}};
constexpr Port kOutMultinomial[] = {{"output", kIndexSet, "T2"}};
constexpr AttrDef kBernoulli[] = {optional_attr("dtype", AttrKind::kInt), optional_attr("seed", AttrKind::kFloat)};
constexpr AttrDef kMultinomial[] = {int_attr("dtype", 6), int_attr("sample_size", 1),
                                    optional_attr("seed", AttrKind::kFloat)};
constexpr OpDef row(const char* name, int since, int until, std::span<const Port> in, std::span<const Port> out,
                    std::span<const AttrDef> attrs, void (*infer)(InferContext&), MakeKernel make) {
  return {name, "", since, until, in, out, attrs, infer, make, Lowering::kKernel, 0, false};
}
constexpr OpDef kOps[] = {
    row("Bernoulli", 15, 21, kIn<kOldFloatSet>, kOutBernoulli, kBernoulli, infer_bernoulli, make<Bernoulli>),
    row("Bernoulli", 22, 0, kIn<kFloatSet>, kOutBernoulli, kBernoulli, infer_bernoulli, make<Bernoulli>),
    row("Multinomial", 7, 21, kIn<kOldFloatSet>, kOutMultinomial, kMultinomial, infer_multinomial, make<Multinomial>),
    row("Multinomial", 22, 0, kIn<kFloatSet>, kOutMultinomial, kMultinomial, infer_multinomial, make<Multinomial>),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::draws
