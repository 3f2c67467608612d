// Decision trees as flat arrays, and what an ensemble of them says about a row.
#pragma once
#include <span>
#include <vector>

#include "graph/attr.h"

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

}  // namespace tenon::ops
