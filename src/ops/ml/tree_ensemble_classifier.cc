// TreeEnsembleClassifier: leaves vote for classes; labels and transformed scores.
#include "ops/classifier.h"
#include "ops/move.h"
#include "ops/trees.h"

namespace tenon::ops::tree_ensemble_classifier {
namespace {

ClassLabels labels_of(const graph::Attrs& attrs) { return {attrs, "classlabels_int64s"}; }

void infer(InferContext& c) {
  const ClassLabels labels = labels_of(c.attrs());
  infer_classifier(c, labels, static_cast<int64_t>(labels.size()));
}

struct TreeEnsembleClassifier final : Kernel {
  explicit TreeEnsembleClassifier(const NodeInfo& info)
      : labels(labels_of(info.attrs)),
        trees(Trees::from_nodes(info.attrs, "class")),
        transform(read_transform(info.attrs)),
        base(info.attrs, labels.size()) {
    const auto classes = static_cast<int64_t>(labels.size());
    trees.check_targets(classes);
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
    trees.check_columns(x.rows, x.columns);
    const auto classes = static_cast<int64_t>(labels.size());
    auto* all = c.scratch<double>(x.rows * classes);
    auto* voted = c.scratch<bool>(x.rows * classes);
    c.par.loop(x.rows, 20 + 2.0 * static_cast<double>(trees.votes().size()), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const std::span<double> scores(all + i * classes, static_cast<size_t>(classes));
        trees.score(x.row(i), Trees::Sum::kSum, scores, {voted + i * classes, scores.size()});
        const int64_t best = finish_row(scores);
        write_row(c, labels, i, best, scores);
      }
    });
  }

  /// Sums to final scores; returns the class, -1 for "not the only one".
  int64_t finish_row(std::span<double> scores) const {
    if (binary) {
      const double sum = scores[0] + scores[1] + (base.values.empty() ? 0 : base.values.back());
      // Positive votes are probabilities, signed ones are log odds or margins.
      const bool probability = transform == Transform::kProbit || (transform == Transform::kNone && all_positive);
      scores[0] = probability ? 1 - sum : -sum;
      scores[1] = sum;
      transform_scores(transform, scores);
      return sum > (probability ? 0.5 : 0);
    }
    base.add_to(scores);
    const int64_t best = scores.size() == 1 ? (scores[0] > 0 ? 0 : -1) : best_class(scores);
    transform_scores(transform, scores);
    return best;
  }

  ClassLabels labels;
  Trees trees;
  Transform transform;
  BaseValues base;
  bool binary = false, all_positive = true;
};

// In the order of ai.onnx.ml 1, then what version 3 added.
constexpr auto kAttrs1 =
    joined(std::to_array<AttrDef>(
               {optional_attr("base_values", AttrKind::kFloats), optional_attr("class_ids", AttrKind::kInts),
                optional_attr("class_nodeids", AttrKind::kInts), optional_attr("class_treeids", AttrKind::kInts),
                optional_attr("class_weights", AttrKind::kFloats), optional_attr("classlabels_int64s", AttrKind::kInts),
                optional_attr("classlabels_strings", AttrKind::kStrings)}),
           kTreeNodeAttrs);
constexpr auto kAttrs =
    joined(kAttrs1, std::to_array<AttrDef>({optional_attr("base_values_as_tensor", AttrKind::kTensor),
                                            optional_attr("class_weights_as_tensor", AttrKind::kTensor),
                                            optional_attr("nodes_hitrates_as_tensor", AttrKind::kTensor),
                                            optional_attr("nodes_values_as_tensor", AttrKind::kTensor)}));
constexpr OpDef kRow = {
    .name = "TreeEnsembleClassifier", .domain = kMl, .infer = infer, .make = make<TreeEnsembleClassifier>};
constexpr auto kOps = tree_rows<ClassifierPorts>(kRow, kAttrs, kAttrs1.size());

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::tree_ensemble_classifier
