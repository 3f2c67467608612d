// SVMRegressor: a weighted sum of kernel functions against support vectors, or its sign.
#include "ops/svm.h"

namespace tenon::ops::svm_regressor {
namespace {

void infer(InferContext& c) { c.set(0, DType::kFloat, {feature_rows(c, 0), 1}); }

struct SVMRegressor final : Kernel {
  explicit SVMRegressor(const NodeInfo& info)
      : machine(info.attrs, info.attrs.get_int("n_supports", 0)),
        transform(read_transform(info.attrs)),
        one_class(info.attrs.get_int("one_class", 0) != 0) {
    const auto n = static_cast<int64_t>(machine.coefficients.size());
    if (machine.num_vectors == 0) machine.features = n;
    if (machine.num_vectors > 0 && n != machine.num_vectors)
      fail("{} coefficients for {} support vectors", n, machine.num_vectors);
  }
  void run(KernelContext& c) const override {
    const Features x = features(c, 0);
    check_columns(x, machine.features);
    c.par.loop(x.rows, static_cast<double>((machine.num_vectors + 1) * (machine.features + 10)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i)
                   c.output(0).out<float>()[i] = static_cast<float>(value(x.row(i)));
               });
  }
  double value(std::span<const double> x) const {
    double sum = machine.rho[0];
    if (machine.num_vectors == 0) {
      sum += machine.compare(x, machine.coefficients.data());
    } else {
      for (size_t v = 0; v < static_cast<size_t>(machine.num_vectors); ++v)
        sum += machine.coefficients[v] * machine.against(x, v);
    }
    if (one_class) return sum > 0 ? 1 : -1;
    transform_scores(transform, {&sum, 1});
    return sum;
  }
  SvmMachine machine;
  Transform transform;
  bool one_class;
};

constexpr AttrDef kAttrs[] = {optional_attr("coefficients", AttrKind::kFloats),
                              optional_attr("kernel_params", AttrKind::kFloats),
                              string_attr("kernel_type", "LINEAR"),
                              int_attr("n_supports", 0),
                              int_attr("one_class", 0),
                              string_attr("post_transform", "NONE"),
                              optional_attr("rho", AttrKind::kFloats),
                              optional_attr("support_vectors", AttrKind::kFloats)};
constexpr OpDef kRow = {
    .name = "SVMRegressor", .domain = kMl, .attrs = kAttrs, .infer = infer, .make = make<SVMRegressor>};
constexpr OpDef kOps[] = {row_of<RegressorPorts>(kRow, 1, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::svm_regressor
