// LinearClassifier: scores = X · coefficientsᵀ + intercepts, transformed, and the label of the largest.
#include "ops/ml/linear_model.h"

namespace tenon::ops::linear_classifier {
namespace {

ClassLabels labels_of(const graph::Attrs& attrs) { return {attrs, "classlabels_ints"}; }

/// Rows of coefficients of a classifier: one per class, or a single one for two classes; the intercepts or the number
/// of features say which.
int64_t score_rows(const NodeInfo& info, const ClassLabels& labels) {
  const auto n = static_cast<int64_t>(labels.size());
  const auto intercepts = static_cast<int64_t>(info.attrs.get_floats("intercepts").size());
  if (n != 2 || intercepts == 2) return n;
  const ValueType& x = *info.inputs[0];
  const auto coefficients = static_cast<int64_t>(info.attrs.get_floats("coefficients").size());
  return intercepts == 1 || (x.has_rank && !x.dims.empty() && x.dims.back() == coefficients) ? 1 : 2;
}

void infer(InferContext& c) {
  const ClassLabels labels = labels_of(c.attrs());
  infer_classifier(c, labels, static_cast<int64_t>(labels.size()));
}

struct LinearClassifier final : Kernel {
  explicit LinearClassifier(const NodeInfo& info)
      : labels(labels_of(info.attrs)),
        model(info.attrs, score_rows(info, labels)),
        transform(read_transform(info.attrs)) {}

  void run(KernelContext& c) const override {
    const Features x = features(c, 0);
    check_columns(x, model.features);
    const auto classes = static_cast<int64_t>(labels.size());
    auto* all = c.scratch<double>(x.rows * classes);
    const double cost = static_cast<double>(model.scores * model.features);
    c.par.loop(x.rows, cost + 20, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const std::span<double> scores(all + i * classes, static_cast<size_t>(classes));
        for (int64_t k = 0; k < model.scores; ++k) scores[static_cast<size_t>(k)] = model.score(x.row(i), k);
        if (model.scores < classes) {  // one margin for two classes
          scores[1] = scores[0];
          scores[0] = -scores[0];
        }
        int64_t best = best_class(scores);
        transform_scores(transform, scores);
        if (classes == 1) best = scores[0] >= (transform == Transform::kNone ? 0 : 0.5) ? 0 : -1;
        write_row(c, labels, i, best, scores);
      }
    });
  }
  ClassLabels labels;
  LinearModel model;
  Transform transform;
};

constexpr AttrDef kAttrs[] = {optional_attr("classlabels_ints", AttrKind::kInts),
                              optional_attr("classlabels_strings", AttrKind::kStrings),
                              required_attr("coefficients", AttrKind::kFloats),
                              optional_attr("intercepts", AttrKind::kFloats),
                              int_attr("multi_class", 0),
                              string_attr("post_transform", "NONE")};
constexpr OpDef kRow = {
    .name = "LinearClassifier", .domain = kMl, .attrs = kAttrs, .infer = infer, .make = make<LinearClassifier>};
constexpr OpDef kOps[] = {row_of<ClassifierPorts>(kRow, 1, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::linear_classifier
