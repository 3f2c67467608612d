// Momentum: V = alpha V + beta G, X -= R V, or Nesterov's X -= R (G + alpha V), with G regularised.
#include "ops/training/optimizer_step.h"

namespace tenon::ops::momentum {
namespace {

bool is_nesterov(const graph::Attrs& attrs) {
  const std::string_view mode = attrs.get_string("mode", "");
  if (mode != "standard" && mode != "nesterov") fail("attribute mode: '{}' found, expected standard or nesterov", mode);
  return mode == "nesterov";
}

class Kernel final : public optimizer_step::Kernel<Kernel, 3> {
 public:
  explicit Kernel(const NodeInfo& info)
      : alpha_(info.attrs.get_float("alpha", 0)),
        beta_(info.attrs.get_float("beta", 0)),
        norm_(info.attrs.get_float("norm_coefficient", 0)),
        nesterov_(is_nesterov(info.attrs)) {}
  struct Shared {
    double rate, beta;
  };
  Shared shared(double r, int64_t t) const { return {r, t > 0 ? beta_ : 1}; }
  /// v = X, G, V.
  void element(const Shared& s, double* v) const {
    const double g = norm_ * v[0] + v[1];
    v[2] = alpha_ * v[2] + s.beta * g;
    v[0] -= s.rate * (nesterov_ ? g + alpha_ * v[2] : v[2]);
  }

 private:
  double alpha_, beta_, norm_;
  bool nesterov_;
};

void infer(InferContext& c) {
  is_nesterov(c.attrs());
  optimizer_step::infer(c, 3);
}

constexpr AttrDef kAttrs[] = {required_attr("alpha", AttrKind::kFloat), required_attr("beta", AttrKind::kFloat),
                              required_attr("mode", AttrKind::kString),
                              required_attr("norm_coefficient", AttrKind::kFloat)};
constexpr OpDef kOps[] = {{.name = "Momentum",
                           .domain = optimizer_step::kDomain,
                           .since = 1,
                           .inputs = optimizer_step::kIn,
                           .outputs = optimizer_step::kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Kernel>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::momentum
