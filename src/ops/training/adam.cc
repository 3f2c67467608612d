// Adam: averages V of G and H of G^2, X -= R' V / (sqrt(H) + epsilon) with R' corrected for the T steps so far.
#include "ops/training/optimizer_step.h"

namespace tenon::ops::adam {
namespace {

class Kernel final : public optimizer_step::Kernel<Kernel, 4> {
 public:
  explicit Kernel(const NodeInfo& info)
      : alpha_(info.attrs.get_float("alpha", 0.9f)),
        beta_(info.attrs.get_float("beta", 0.999f)),
        epsilon_(info.attrs.get_float("epsilon", 1e-6f)),
        norm_(info.attrs.get_float("norm_coefficient", 0)),
        post_(info.attrs.get_float("norm_coefficient_post", 0)) {}
  double shared(double r, int64_t t) const {
    const double n = static_cast<double>(t);
    return t > 0 ? r * std::sqrt(1 - std::pow(beta_, n)) / (1 - std::pow(alpha_, n)) : r;
  }
  /// v = X, G, V, H.
  void element(double rate, double* v) const {
    const double g = norm_ * v[0] + v[1];
    v[2] = alpha_ * v[2] + (1 - alpha_) * g;
    v[3] = beta_ * v[3] + (1 - beta_) * g * g;
    v[0] = (1 - post_) * (v[0] - rate * v[2] / (std::sqrt(v[3]) + epsilon_));
  }

 private:
  double alpha_, beta_, epsilon_, norm_, post_;
};

void infer(InferContext& c) { optimizer_step::infer(c, 4); }

constexpr AttrDef kAttrs[] = {float_attr("alpha", 0.9f), float_attr("beta", 0.999f), float_attr("epsilon", 1e-6f),
                              float_attr("norm_coefficient", 0), float_attr("norm_coefficient_post", 0)};
constexpr OpDef kOps[] = {{.name = "Adam",
                           .domain = optimizer_step::kDomain,
                           .since = 1,
                           .inputs = optimizer_step::kIn,
                           .outputs = optimizer_step::kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::adam
