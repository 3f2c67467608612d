// TreeEnsemble: sums, means or extrema of what the leaves of trees with set membership say about each target.
#include "ops/ml/tree_regressor.h"

namespace tenon::ops::tree_ensemble {
namespace {

void infer(InferContext& c) { c.set(0, c.dtype(0), {feature_rows(c, 0), num_targets(c.attrs())}); }

template <class E>
E checked_enum(const graph::Attrs& attrs, const char* name, int64_t def, int64_t count) {
  const int64_t v = attrs.get_int(name, def);
  if (v < 0 || v >= count) fail("{} is {}, expected [0, {}]", name, v, count - 1);
  return static_cast<E>(v);
}

Transform transform_of(const graph::Attrs& attrs) {  // numbers in the order of ONNX's enumeration
  static constexpr Transform kOrder[] = {Transform::kNone, Transform::kSoftmax, Transform::kLogistic,
                                         Transform::kSoftmaxZero, Transform::kProbit};
  return kOrder[checked_enum<size_t>(attrs, "post_transform", 0, 5)];
}

struct TreeEnsemble final : TreeRegressor {
  explicit TreeEnsemble(const NodeInfo& info)
      : TreeRegressor(info.attrs, Trees::from_splits(info.attrs),
                      checked_enum<Trees::Sum>(info.attrs, "aggregate_function", 1, 4), transform_of(info.attrs)) {}
};

constexpr AttrDef kAttrs[] = {
    int_attr("aggregate_function", 1),
    required_attr("leaf_targetids", AttrKind::kInts),
    required_attr("leaf_weights", AttrKind::kTensor),
    optional_attr("membership_values", AttrKind::kTensor),
    optional_attr("n_targets", AttrKind::kInt),
    required_attr("nodes_falseleafs", AttrKind::kInts),
    required_attr("nodes_falsenodeids", AttrKind::kInts),
    required_attr("nodes_featureids", AttrKind::kInts),
    optional_attr("nodes_hitrates", AttrKind::kTensor),
    optional_attr("nodes_missing_value_tracks_true", AttrKind::kInts),
    required_attr("nodes_modes", AttrKind::kTensor),
    required_attr("nodes_splits", AttrKind::kTensor),
    required_attr("nodes_trueleafs", AttrKind::kInts),
    required_attr("nodes_truenodeids", AttrKind::kInts),
    int_attr("post_transform", 0),
    required_attr("tree_roots", AttrKind::kInts),
};
constexpr Port kIn[] = {{"X", kOldFloatSet}}, kOut[] = {{"Y", kOldFloatSet}};
constexpr OpDef kOps[] = {{.name = "TreeEnsemble",
                           .domain = kMl,
                           .since = 5,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<TreeEnsemble>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::tree_ensemble
