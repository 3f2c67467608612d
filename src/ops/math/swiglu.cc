// SwiGLU: A sigmoid(alpha A) B.
#include <cmath>

#include "kernels/rows.h"
#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/rows.h"
#include "ops/staging.h"

namespace tenon::ops::swiglu {
namespace {

void infer(InferContext& c) {
  if (c.has_rank(0) && c.has_rank(1)) {
    expect_rank(c, 1, c.rank(0));
    for (size_t i = 0; i < c.rank(0); ++i) expect_equal(c, c.dims(0)[i], c.dims(1)[i], "dims of A and B");
  }
  c.set_type(0, c.has_rank(0) ? c.type(0) : c.type(1));
}

class Kernel final : public FloatMap<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info)
      : FloatMap(info),
        alpha_(info.attrs.get_float("alpha", 1)),
        gate_(kernels::activation_row(kernels::Activation::kQuickGelu, table_)),
        times_(kernels::binary_rows(kernels::Binary::kMul, table_).vv) {}

  template <class T>
  void compute(KernelContext& c, const T* a, T* y) const {
    const T* b = load_as<T>(c, 1, table_);
    c.par.loop(c.input(0).count, 1.5, [&](int64_t begin, int64_t end) {
      constexpr int64_t kRow = 1024;  // the gate stays in the first cache; b may be y's memory
      T gate[kRow];
      for (int64_t i = begin; i < end; i += kRow) {
        const int64_t n = std::min(kRow, end - i);
        if constexpr (std::is_same_v<T, float>) {
          gate_(a + i, gate, n, alpha_, 0);
          times_(gate, b + i, y + i, n);
        } else {
          for (int64_t j = 0; j < n; ++j) gate[j] = swish(a[i + j]);
          for (int64_t j = 0; j < n; ++j) y[i + j] = gate[j] * b[i + j];
        }
      }
    });
  }

 private:
  double swish(double x) const {
    const double t = static_cast<double>(alpha_) * x, e = std::exp(-std::fabs(t));
    const double factor = t < 0 ? e / (1 + e) : 1 / (1 + e);
    return factor == 0 ? std::copysign(0.0, x) : x * factor;  // the limit where the factor has vanished
  }

  float alpha_;
  kernels::ActivationRow gate_;
  void (*times_)(const float*, const float*, float*, int64_t);
};

constexpr Port kIn[] = {{"A", kFloatSet}, {"B", kFloatSet}}, kOut[] = {{"Y", kFloatSet}};
constexpr AttrDef kAttrs[] = {float_attr("alpha", 1)};
constexpr OpDef kOps[] = {{.name = "SwiGLU",
                           .since = 28,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Kernel>,
                           .inplace = 3}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::swiglu
