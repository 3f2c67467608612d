// Adagrad: H += G^2, X -= R / (1 + T decay_factor) G / (sqrt(H) + epsilon), with G regularised.
#include "ops/training/optimizer_step.h"

namespace tenon::ops::adagrad {
namespace {

class Kernel final : public optimizer_step::Kernel<Kernel, 3> {
 public:
  explicit Kernel(const NodeInfo& info)
      : decay_(info.attrs.get_float("decay_factor", 0)),
        epsilon_(info.attrs.get_float("epsilon", 1e-6f)),
        norm_(info.attrs.get_float("norm_coefficient", 0)) {}
  double shared(double r, int64_t t) const { return r / (1 + static_cast<double>(t) * decay_); }
  /// v = X, G, H.
  void element(double rate, double* v) const {
    const double g = norm_ * v[0] + v[1];
    v[2] += g * g;
    v[0] -= rate * g / (std::sqrt(v[2]) + epsilon_);
  }

 private:
  double decay_, epsilon_, norm_;
};

void infer(InferContext& c) { optimizer_step::infer(c, 3); }

constexpr AttrDef kAttrs[] = {float_attr("decay_factor", 0), float_attr("epsilon", 1e-6f),
                              float_attr("norm_coefficient", 0)};
constexpr OpDef kOps[] = {{.name = "Adagrad",
                           .domain = optimizer_step::kDomain,
                           .since = 1,
                           .inputs = optimizer_step::kIn,
                           .outputs = optimizer_step::kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::adagrad
