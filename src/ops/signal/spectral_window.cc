// BlackmanWindow, HammingWindow, HannWindow: a sum of cosines over one period of `size` (or, symmetric, size - 1)
// points.
#include <cmath>

#include "ops/convert.h"
#include "ops/infer.h"
#include "ops/move.h"

namespace tenon::ops::spectral_window {
namespace {

DType result_type(const graph::Attrs& attrs) {
  return dtype_attr(attrs, "output_datatype", kNumericSet, DType::kFloat);
}

void infer(InferContext& c) {
  const DType t = result_type(c.attrs());
  if (c.has_rank(0)) expect_equal(c, c.sym.product(c.dims(0)), 1, "elements of size");
  const int64_t size = c.scalar_int(0).value_or(c.fresh());
  if (!is_symbol(size) && size < 0) fail("size is {}, expected at least 0", size);
  limit_elements(Dims{size});
  c.set(0, t, {size});
}

struct Window final : Kernel {
  explicit Window(const NodeInfo& info)
      : type(result_type(info.attrs)), periodic(info.attrs.get_int("periodic", 1) != 0) {
    if (info.op == "BlackmanWindow")
      a0 = 0.42, a1 = 0.5, a2 = 0.08;
    else if (info.op == "HammingWindow")
      a0 = 25.0 / 46, a1 = 21.0 / 46;
  }
  void run(KernelContext& c) const override {
    const int64_t n = int_at(c.input(0), 0);
    if (n < 0) fail("size is {}, expected at least 0", n);
    const TensorRef& y = c.output(0, type, Dims{n});
    double* values = type == DType::kDouble ? y.out<double>() : c.scratch<double>(n);
    const double period = static_cast<double>(periodic ? n : n - 1);
    c.par.loop(n, 30, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        // A symmetric window of one point has no period: its point is the peak.
        const double angle = 2 * 3.14159265358979323846 * (period > 0 ? static_cast<double>(i) / period : 0.5);
        values[i] = a0 - a1 * std::cos(angle) + a2 * std::cos(2 * angle);
      }
    });
    if (type != DType::kDouble) Converter(DType::kDouble, type).run(c.par, values, y.data, n);
  }
  DType type;
  bool periodic;
  double a0 = 0.5, a1 = 0.5, a2 = 0;
};

constexpr AttrDef kAttrs[] = {int_attr("output_datatype", 1), int_attr("periodic", 1)};
constexpr Port kIn[] = {{"size", kIndexSet, "T1"}}, kOut[] = {{"output", kNumericSet, "T2"}};
constexpr OpDef row(const char* name) {
  return {
      .name = name, .since = 17, .inputs = kIn, .outputs = kOut, .attrs = kAttrs, .infer = infer, .make = make<Window>};
}
constexpr OpDef kOps[] = {row("BlackmanWindow"), row("HammingWindow"), row("HannWindow")};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::spectral_window
