// LinearRegressor: X · coefficientsᵀ + intercepts, transformed.
#include "ops/ml/linear_model.h"

namespace tenon::ops::linear_regressor {
namespace {

int64_t targets(const graph::Attrs& attrs) {
  const int64_t n = attrs.get_int("targets", 1);
  if (n < 1 || n > (1 << 24)) fail("targets is {}, expected [1, {}]", n, 1 << 24);
  return n;
}
void infer(InferContext& c) { c.set(0, DType::kFloat, {feature_rows(c, 0), targets(c.attrs())}); }

struct LinearRegressor final : Kernel {
  explicit LinearRegressor(const NodeInfo& info)
      : model(info.attrs, targets(info.attrs)), transform(read_transform(info.attrs)) {}

  void run(KernelContext& c) const override {
    const Features x = features(c, 0);
    check_columns(x, model.features);
    const int64_t n = model.scores;
    auto* all = c.scratch<double>(x.rows * n);
    c.par.loop(x.rows, static_cast<double>(n * model.features) + 20, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const std::span<double> scores(all + i * n, static_cast<size_t>(n));
        for (int64_t k = 0; k < n; ++k) scores[static_cast<size_t>(k)] = model.score(x.row(i), k);
        transform_scores(transform, scores);
        write_scores(c.output(0), i, scores);
      }
    });
  }
  LinearModel model;
  Transform transform;
};

constexpr AttrDef kAttrs[] = {optional_attr("coefficients", AttrKind::kFloats),
                              optional_attr("intercepts", AttrKind::kFloats), string_attr("post_transform", "NONE"),
                              int_attr("targets", 1)};
constexpr OpDef kRow = {
    .name = "LinearRegressor", .domain = kMl, .attrs = kAttrs, .infer = infer, .make = make<LinearRegressor>};
constexpr OpDef kOps[] = {row_of<RegressorPorts>(kRow, 1, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::linear_regressor
