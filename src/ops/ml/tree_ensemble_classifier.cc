// TreeEnsembleClassifier: leaves vote for classes; labels and transformed scores.
#include "ops/classifier.h"
#include "ops/move.h"
#include "ops/trees.h"

namespace tenon::ops::tree_ensemble_classifier {
namespace {

ClassLabels labels_of(const graph::Attrs& attrs) { return {attrs, "classlabels_int64s", "classlabels_strings"}; }

void infer(InferContext& c) {
  const ClassLabels labels = labels_of(c.attrs());
  const int64_t n = feature_rows(c, 0);
  c.set(0, labels.type(), {n});
  c.set(1, DType::kFloat, {n, static_cast<int64_t>(labels.size())});
}

struct TreeEnsembleClassifier final : Kernel {
  explicit TreeEnsembleClassifier(const NodeInfo& info)
      : labels(labels_of(info.attrs)),
        trees(Trees::from_nodes(info.attrs, "class")),
        transform(parse_transform(info.attrs.get_string("post_transform", "NONE"))),
        base(number_list(info.attrs, "base_values")) {
    const auto classes = static_cast<int64_t>(labels.size());
    trees.check_targets(classes);
    if (base.size() > 1 && base.size() != labels.size())
      fail("base_values has {} entries, expected {}", base.size(), classes);
    // Two classes with votes for one of them only: the sum speaks for the second class, its complement for the first.
    bool one_target = true;
    for (const Trees::Vote& v : trees.votes()) {
      one_target = one_target && v.target == trees.votes()[0].target;
      all_positive = all_positive && v.weight >= 0;
    }
    binary = one_target && classes == 2;
  }

  void run(KernelContext& c) const override {
    const Features x = features(c, 0);
    if (x.columns < trees.num_features() && x.rows > 0)
      fail("rows have {} features, the trees read {}", x.columns, trees.num_features());
    const auto classes = static_cast<int64_t>(labels.size());
    auto* all = c.scratch<double>(x.rows * classes);
    auto* voted = c.scratch<bool>(x.rows * classes);
    c.par.loop(x.rows, 20 + 2.0 * static_cast<double>(trees.votes().size()), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const std::span<double> scores(all + i * classes, static_cast<size_t>(classes));
        trees.score(x.row(i), Trees::Sum::kSum, scores, {voted + i * classes, scores.size()});
        const int64_t best = finish_row(scores);
        if (c.has_output(0)) labels.write(c.output(0), i, best);
        if (!c.has_output(1)) continue;
        for (int64_t k = 0; k < classes; ++k)
          c.output(1).out<float>()[i * classes + k] = static_cast<float>(scores[static_cast<size_t>(k)]);
      }
    });
  }

  /// Sums to final scores; returns the class, -1 for "not the only one".
  int64_t finish_row(std::span<double> scores) const {
    if (binary) {
      const double sum = scores[0] + scores[1] + (base.empty() ? 0 : base.back());
      // Positive votes are probabilities, signed ones are log odds or margins.
      const bool probability = transform == Transform::kProbit || (transform == Transform::kNone && all_positive);
      scores[0] = probability ? 1 - sum : -sum;
      scores[1] = sum;
      transform_scores(transform, scores);
      return sum > (probability ? 0.5 : 0);
    }
    for (size_t k = 0; k < scores.size(); ++k)
      if (!base.empty()) scores[k] += base[base.size() == 1 ? 0 : k];
    const int64_t best = scores.size() == 1 ? (scores[0] > 0 ? 0 : -1) : best_class(scores);
    transform_scores(transform, scores);
    return best;
  }

  ClassLabels labels;
  Trees trees;
  Transform transform;
  std::vector<double> base;
  bool binary = false, all_positive = true;
};

// In the order of ai.onnx.ml 1, then what version 3 added.
constexpr AttrDef kAttrs[] = {
    optional_attr("base_values", AttrKind::kFloats),
    optional_attr("class_ids", AttrKind::kInts),
    optional_attr("class_nodeids", AttrKind::kInts),
    optional_attr("class_treeids", AttrKind::kInts),
    optional_attr("class_weights", AttrKind::kFloats),
    optional_attr("classlabels_int64s", AttrKind::kInts),
    optional_attr("classlabels_strings", AttrKind::kStrings),
    optional_attr("nodes_falsenodeids", AttrKind::kInts),
    optional_attr("nodes_featureids", AttrKind::kInts),
    optional_attr("nodes_hitrates", AttrKind::kFloats),
    optional_attr("nodes_missing_value_tracks_true", AttrKind::kInts),
    optional_attr("nodes_modes", AttrKind::kStrings),
    optional_attr("nodes_nodeids", AttrKind::kInts),
    optional_attr("nodes_treeids", AttrKind::kInts),
    optional_attr("nodes_truenodeids", AttrKind::kInts),
    optional_attr("nodes_values", AttrKind::kFloats),
    string_attr("post_transform", "NONE"),
    optional_attr("base_values_as_tensor", AttrKind::kTensor),
    optional_attr("class_weights_as_tensor", AttrKind::kTensor),
    optional_attr("nodes_hitrates_as_tensor", AttrKind::kTensor),
    optional_attr("nodes_values_as_tensor", AttrKind::kTensor),
};
constexpr Port kIn[] = {{"X", kFeatureSet, "T1"}};
constexpr Port kOut[] = {{"Y", kLabelSet, "T2"}, {"Z", kFloat32Set, ""}};
constexpr OpDef row(int since, int until, size_t attrs, bool deprecated = false) {
  return {.name = "TreeEnsembleClassifier",
          .domain = kMl,
          .since = since,
          .until = until,
          .inputs = kIn,
          .outputs = kOut,
          .attrs = std::span(kAttrs).first(attrs),
          .infer = infer,
          .make = make<TreeEnsembleClassifier>,
          .deprecated = deprecated};
}
constexpr OpDef kOps[] = {row(1, 2, 17), row(3, 4, 21), row(5, 0, 21, true)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::tree_ensemble_classifier
