// Decision trees as flat arrays, and what an ensemble of them says about a row.
#pragma once
#include <span>
#include <vector>

#include "graph/attr.h"
#include "ops/rows.h"

namespace tenon::ops {

/// Immutable after construction, which checks that every tree is one: each node has one parent at most, children exist.
class Trees {
 public:
  enum class Sum { kAverage, kSum, kMin, kMax };

  /// Attributes nodes_* and <prefix>_* ("class" or "target") of TreeEnsembleClassifier and -Regressor.
  static Trees from_nodes(const graph::Attrs& attrs, const char* prefix);
  /// Attributes of TreeEnsemble (ai.onnx.ml 5).
  static Trees from_splits(const graph::Attrs& attrs);

  /// scores[k] = the trees' votes for target k, combined; 0 where nothing votes. `row` has at least num_features().
  void score(std::span<const double> row, Sum how, std::span<double> scores, std::span<bool> voted) const;
  /// One more than the largest feature index.
  int64_t num_features() const { return num_features_; }
  /// Votes of all leaves.
  struct Vote {
    int64_t target;
    double weight;
  };
  std::span<const Vote> votes() const { return votes_; }
  /// Throws unless all targets are in [0, n).
  void check_targets(int64_t n) const;
  /// Throws when a tree reads a feature that rows of `columns` features do not have.
  void check_columns(int64_t rows, int64_t columns) const;

 private:
  enum Mode : uint8_t { kLeq, kLt, kGte, kGt, kEq, kNeq, kMember, kLeaf };
  /// Inner node: children. Leaf: votes [when_true, when_false).
  struct Node {
    double split = 0;
    uint32_t feature = 0, when_true = 0, when_false = 0;
    Mode mode = kLeaf;
    bool missing_is_true = false;
    uint32_t first_member = 0, end_member = 0;
  };
  bool test(const Node& n, double x) const;
  void check_structure(bool all_reached);
  void set_feature(Node& n, int64_t feature);

  std::vector<Node> nodes_;
  std::vector<uint32_t> roots_;
  std::vector<Vote> votes_;
  std::vector<double> members_;
  int64_t num_features_ = 0;
};

/// Attribute base_values: what is added to the scores, one number for all targets or one for each.
struct BaseValues {
  std::vector<double> values;

  BaseValues() = default;
  BaseValues(const graph::Attrs& attrs, size_t targets);
  void add_to(std::span<double> scores) const;
};

/// Attributes of the nodes, of ai.onnx.ml 1 to 3.
inline constexpr auto kTreeNodeAttrs = std::to_array<AttrDef>({
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
});
/// Versions 1, 3 and 5 (which deprecates it) of an ensemble in the old form: version 1 has the first `old` of `attrs`.
template <class Ports>
constexpr std::array<OpDef, 3> tree_rows(const OpDef& base, std::span<const AttrDef> attrs, size_t old) {
  return {row_of<Ports>(base, 1, 2, attrs.first(old)), row_of<Ports>(base, 3, 4, attrs),
          deprecated(row_of<Ports>(base, 5, 0, attrs))};
}

}  // namespace tenon::ops
