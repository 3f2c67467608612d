// TreeEnsembleRegressor and TreeEnsemble: sums, means or extrema of what the leaves say about each target.
#include "ops/classifier.h"
#include "ops/move.h"
#include "ops/trees.h"

namespace tenon::ops::tree_ensemble_regressor {
namespace {

int64_t num_targets(const graph::Attrs& attrs) {
  const int64_t n = attrs.get_int("n_targets", 1);
  if (n < 1 || n > (1 << 24)) fail("n_targets is {}, expected [1, {}]", n, 1 << 24);
  return n;
}
void infer(InferContext& c) { c.set(0, DType::kFloat, {feature_rows(c, 0), num_targets(c.attrs())}); }
void infer_new(InferContext& c) { c.set(0, c.dtype(0), {feature_rows(c, 0), num_targets(c.attrs())}); }

Trees::Sum parse_sum(std::string_view name) {
  if (name == "AVERAGE") return Trees::Sum::kAverage;
  if (name == "SUM") return Trees::Sum::kSum;
  if (name == "MIN") return Trees::Sum::kMin;
  if (name == "MAX") return Trees::Sum::kMax;
  fail("aggregate_function is \"{}\", expected AVERAGE, SUM, MIN or MAX", name);
}
template <class E>
E checked_enum(const graph::Attrs& attrs, const char* name, int64_t def, int64_t count) {
  const int64_t v = attrs.get_int(name, def);
  if (v < 0 || v >= count) fail("{} is {}, expected [0, {}]", name, v, count - 1);
  return static_cast<E>(v);
}

void store(const TensorRef& y, int64_t i, double v) {
  if (y.dtype == DType::kDouble) {
    y.out<double>()[i] = v;
  } else if (y.dtype == DType::kFloat16) {
    y.out<Half>()[i] = to_half(static_cast<float>(v));
  } else {
    y.out<float>()[i] = static_cast<float>(v);
  }
}

struct Regressor final : Kernel {
  explicit Regressor(const NodeInfo& info)
      : targets(num_targets(info.attrs)),
        trees(info.op == "TreeEnsemble" ? Trees::from_splits(info.attrs) : Trees::from_nodes(info.attrs, "target")) {
    trees.check_targets(targets);
    if (info.op == "TreeEnsemble") {  // numbers in the order of the enumerations
      how = checked_enum<Trees::Sum>(info.attrs, "aggregate_function", 1, 4);
      static constexpr Transform kOrder[] = {Transform::kNone, Transform::kSoftmax, Transform::kLogistic,
                                             Transform::kSoftmaxZero, Transform::kProbit};
      transform = kOrder[checked_enum<size_t>(info.attrs, "post_transform", 0, 5)];
    } else {
      how = parse_sum(info.attrs.get_string("aggregate_function", "SUM"));
      transform = parse_transform(info.attrs.get_string("post_transform", "NONE"));
      base = number_list(info.attrs, "base_values");
    }
    if (base.size() > 1 && static_cast<int64_t>(base.size()) != targets)
      fail("base_values has {} entries, expected {}", base.size(), targets);
  }

  void run(KernelContext& c) const override {
    const Features x = c.input(0).dtype == DType::kFloat16 ? half_features(c) : features(c, 0);
    if (x.columns < trees.num_features() && x.rows > 0)
      fail("rows have {} features, the trees read {}", x.columns, trees.num_features());
    auto* all = c.scratch<double>(x.rows * targets);
    auto* voted = c.scratch<bool>(x.rows * targets);
    c.par.loop(x.rows, 20 + 2.0 * static_cast<double>(trees.votes().size()), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const std::span<double> scores(all + i * targets, static_cast<size_t>(targets));
        trees.score(x.row(i), how, scores, {voted + i * targets, scores.size()});
        for (size_t k = 0; k < scores.size(); ++k)
          if (!base.empty()) scores[k] += base[base.size() == 1 ? 0 : k];
        transform_scores(transform, scores);
        for (int64_t k = 0; k < targets; ++k) store(c.output(0), i * targets + k, scores[static_cast<size_t>(k)]);
      }
    });
  }

  static Features half_features(KernelContext& c) {
    const TensorRef& x = c.input(0);
    auto* out = c.scratch<double>(x.count);
    for (int64_t i = 0; i < x.count; ++i) out[i] = to_float(x.as<Half>()[i]);
    return {x.rank == 1 ? 1 : x.dim[0], x.dim[x.rank - 1], out};
  }

  int64_t targets;
  Trees trees;
  Trees::Sum how = Trees::Sum::kSum;
  Transform transform = Transform::kNone;
  std::vector<double> base;
};

// In the order of ai.onnx.ml 1, then what version 3 added.
constexpr AttrDef kAttrs[] = {
    string_attr("aggregate_function", "SUM"),
    optional_attr("base_values", AttrKind::kFloats),
    optional_attr("n_targets", AttrKind::kInt),
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
    optional_attr("target_ids", AttrKind::kInts),
    optional_attr("target_nodeids", AttrKind::kInts),
    optional_attr("target_treeids", AttrKind::kInts),
    optional_attr("target_weights", AttrKind::kFloats),
    optional_attr("base_values_as_tensor", AttrKind::kTensor),
    optional_attr("nodes_hitrates_as_tensor", AttrKind::kTensor),
    optional_attr("nodes_values_as_tensor", AttrKind::kTensor),
    optional_attr("target_weights_as_tensor", AttrKind::kTensor),
};
constexpr AttrDef kAttrsNew[] = {
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
constexpr Port kIn[] = {{"X", kFeatureSet}};
constexpr Port kOut[] = {{"Y", kFloat32Set, ""}};
constexpr Port kInNew[] = {{"X", kOldFloatSet}};
constexpr Port kOutNew[] = {{"Y", kOldFloatSet}};
constexpr OpDef row(int since, int until, size_t attrs, bool deprecated = false) {
  return {.name = "TreeEnsembleRegressor",
          .domain = kMl,
          .since = since,
          .until = until,
          .inputs = kIn,
          .outputs = kOut,
          .attrs = std::span(kAttrs).first(attrs),
          .infer = infer,
          .make = make<Regressor>,
          .deprecated = deprecated};
}
constexpr OpDef kOps[] = {row(1, 2, 17),
                          row(3, 4, 21),
                          row(5, 0, 21, true),
                          {.name = "TreeEnsemble",
                           .domain = kMl,
                           .since = 5,
                           .inputs = kInNew,
                           .outputs = kOutNew,
                           .attrs = kAttrsNew,
                           .infer = infer_new,
                           .make = make<Regressor>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::tree_ensemble_regressor
