// LinearClassifier and LinearRegressor: X · coefficientsᵀ + intercepts, transformed; the classifier adds labels.
#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::linear_classifier {
namespace {

ClassLabels labels_of(const graph::Attrs& attrs) { return {attrs, "classlabels_ints", "classlabels_strings"}; }

/// The matrix of coefficients: one row per score.
struct Model {
  std::vector<double> coefficients, intercepts;
  int64_t scores = 0, features = 0;

  Model(const graph::Attrs& attrs, int64_t rows) : scores(rows) {
    const auto c = attrs.get_floats("coefficients"), i = attrs.get_floats("intercepts");
    coefficients.assign(c.begin(), c.end());
    intercepts.assign(i.begin(), i.end());
    const auto n = static_cast<int64_t>(coefficients.size());
    if (rows < 1 || n == 0 || n % rows != 0) fail("{} coefficients do not make {} rows", n, rows);
    features = n / rows;
    if (!intercepts.empty() && static_cast<int64_t>(intercepts.size()) != rows)
      fail("{} intercepts, expected {}", intercepts.size(), rows);
  }
  void check(const Features& x) const {
    if (x.columns != features && x.rows > 0) fail("rows have {} features, expected {}", x.columns, features);
  }
  double score(std::span<const double> row, int64_t k) const {
    double sum = intercepts.empty() ? 0 : intercepts[static_cast<size_t>(k)];
    const double* c = coefficients.data() + k * features;
    for (size_t f = 0; f < row.size(); ++f) sum += row[f] * c[f];
    return sum;
  }
};

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

void infer_classifier(InferContext& c) {
  const ClassLabels labels = labels_of(c.attrs());
  const int64_t n = feature_rows(c, 0);
  c.set(0, labels.type(), {n});
  c.set(1, DType::kFloat, {n, static_cast<int64_t>(labels.size())});
}
int64_t targets(const graph::Attrs& attrs) {
  const int64_t n = attrs.get_int("targets", 1);
  if (n < 1 || n > (1 << 24)) fail("targets is {}, expected [1, {}]", n, 1 << 24);
  return n;
}
void infer_regressor(InferContext& c) { c.set(0, DType::kFloat, {feature_rows(c, 0), targets(c.attrs())}); }

struct Classifier final : Kernel {
  explicit Classifier(const NodeInfo& info)
      : labels(labels_of(info.attrs)),
        model(info.attrs, score_rows(info, labels)),
        transform(parse_transform(info.attrs.get_string("post_transform", "NONE"))) {}

  void run(KernelContext& c) const override {
    const Features x = features(c, 0);
    model.check(x);
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
        if (c.has_output(0)) labels.write(c.output(0), i, best);
        if (!c.has_output(1)) continue;
        for (int64_t k = 0; k < classes; ++k)
          c.output(1).out<float>()[i * classes + k] = static_cast<float>(scores[static_cast<size_t>(k)]);
      }
    });
  }
  ClassLabels labels;
  Model model;
  Transform transform;
};

struct Regressor final : Kernel {
  explicit Regressor(const NodeInfo& info)
      : model(info.attrs, targets(info.attrs)),
        transform(parse_transform(info.attrs.get_string("post_transform", "NONE"))) {}

  void run(KernelContext& c) const override {
    const Features x = features(c, 0);
    model.check(x);
    const int64_t n = model.scores;
    auto* all = c.scratch<double>(x.rows * n);
    c.par.loop(x.rows, static_cast<double>(n * model.features) + 20, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t k = 0; k < n; ++k) all[i * n + k] = model.score(x.row(i), k);
        transform_scores(transform, {all + i * n, static_cast<size_t>(n)});
        for (int64_t k = 0; k < n; ++k) c.output(0).out<float>()[i * n + k] = static_cast<float>(all[i * n + k]);
      }
    });
  }
  Model model;
  Transform transform;
};

constexpr AttrDef kAttrs[] = {optional_attr("classlabels_ints", AttrKind::kInts),
                              optional_attr("classlabels_strings", AttrKind::kStrings),
                              required_attr("coefficients", AttrKind::kFloats),
                              optional_attr("intercepts", AttrKind::kFloats),
                              int_attr("multi_class", 0),
                              string_attr("post_transform", "NONE")};
constexpr AttrDef kAttrsRegressor[] = {optional_attr("coefficients", AttrKind::kFloats),
                                       optional_attr("intercepts", AttrKind::kFloats),
                                       string_attr("post_transform", "NONE"), int_attr("targets", 1)};
constexpr Port kIn[] = {{"X", kFeatureSet, "T1"}};
constexpr Port kOut[] = {{"Y", kLabelSet, "T2"}, {"Z", kFloat32Set, ""}};
constexpr Port kInRegressor[] = {{"X", kFeatureSet}};
constexpr Port kOutRegressor[] = {{"Y", kFloat32Set, ""}};
constexpr OpDef kOps[] = {
    {.name = "LinearClassifier",
     .domain = kMl,
     .inputs = kIn,
     .outputs = kOut,
     .attrs = kAttrs,
     .infer = infer_classifier,
     .make = make<Classifier>},
    {.name = "LinearRegressor",
     .domain = kMl,
     .inputs = kInRegressor,
     .outputs = kOutRegressor,
     .attrs = kAttrsRegressor,
     .infer = infer_regressor,
     .make = make<Regressor>},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::linear_classifier
