// TreeEnsembleRegressor: sums, means or extrema of what the leaves say about each target.
#include "ops/ml/tree_regressor.h"

namespace tenon::ops::tree_ensemble_regressor {
namespace {

void infer(InferContext& c) { c.set(0, DType::kFloat, {feature_rows(c, 0), num_targets(c.attrs())}); }

Trees::Sum read_sum(const graph::Attrs& attrs) {
  const std::string_view name = attrs.get_string("aggregate_function", "SUM");
  if (name == "AVERAGE") return Trees::Sum::kAverage;
  if (name == "SUM") return Trees::Sum::kSum;
  if (name == "MIN") return Trees::Sum::kMin;
  if (name == "MAX") return Trees::Sum::kMax;
  fail("aggregate_function is \"{}\", expected AVERAGE, SUM, MIN or MAX", name);
}

struct TreeEnsembleRegressor final : TreeRegressor {
  explicit TreeEnsembleRegressor(const NodeInfo& info)
      : TreeRegressor(info.attrs, Trees::from_nodes(info.attrs, "target"), read_sum(info.attrs),
                      read_transform(info.attrs),
                      BaseValues(info.attrs, static_cast<size_t>(num_targets(info.attrs)))) {}
};

// In the order of ai.onnx.ml 1, then what version 3 added.
constexpr auto kAttrs1 = joined(
    std::to_array<AttrDef>({string_attr("aggregate_function", "SUM"), optional_attr("base_values", AttrKind::kFloats),
                            optional_attr("n_targets", AttrKind::kInt)}),
    kTreeNodeAttrs,
    std::to_array<AttrDef>(
        {optional_attr("target_ids", AttrKind::kInts), optional_attr("target_nodeids", AttrKind::kInts),
         optional_attr("target_treeids", AttrKind::kInts), optional_attr("target_weights", AttrKind::kFloats)}));
constexpr auto kAttrs =
    joined(kAttrs1, std::to_array<AttrDef>({optional_attr("base_values_as_tensor", AttrKind::kTensor),
                                            optional_attr("nodes_hitrates_as_tensor", AttrKind::kTensor),
                                            optional_attr("nodes_values_as_tensor", AttrKind::kTensor),
                                            optional_attr("target_weights_as_tensor", AttrKind::kTensor)}));
constexpr OpDef kRow = {
    .name = "TreeEnsembleRegressor", .domain = kMl, .infer = infer, .make = make<TreeEnsembleRegressor>};
constexpr auto kOps = tree_rows<RegressorPorts>(kRow, kAttrs, kAttrs1.size());

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::tree_ensemble_regressor
