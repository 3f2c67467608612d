// Building, checking and walking decision trees.
#include "ops/trees.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "base/error.h"
#include "ops/classifier.h"

namespace tenon::ops {
namespace {

constexpr size_t kMaxNodes = size_t{1} << 31;

template <class T>
void expect_size(std::span<const T> list, const char* name, size_t n, bool optional = false) {
  if (list.size() != n && !(optional && list.empty())) fail("{} has {} entries, expected {}", name, list.size(), n);
}

}  // namespace

void Trees::set_feature(Node& n, int64_t feature) {
  if (feature < 0 || feature >= (int64_t{1} << 31)) fail("feature index {} is out of range", feature);
  n.feature = static_cast<uint32_t>(feature);
  num_features_ = std::max(num_features_, feature + 1);
}

Trees Trees::from_nodes(const graph::Attrs& attrs, const char* prefix) {
  Trees t;
  const auto ints = [&](const std::string& name) { return attrs.get_ints(name); };
  const auto tree_ids = ints("nodes_treeids"), node_ids = ints("nodes_nodeids"), features = ints("nodes_featureids");
  const auto when_true = ints("nodes_truenodeids"), when_false = ints("nodes_falsenodeids");
  const auto missing = ints("nodes_missing_value_tracks_true");
  const auto modes = attrs.get_strings("nodes_modes");
  const std::vector<double> splits = number_list(attrs, "nodes_values");
  const size_t n = node_ids.size();
  if (n >= kMaxNodes) fail("{} tree nodes are too many", n);
  expect_size(tree_ids, "nodes_treeids", n);
  expect_size(features, "nodes_featureids", n);
  expect_size(when_true, "nodes_truenodeids", n);
  expect_size(when_false, "nodes_falsenodeids", n);
  expect_size(missing, "nodes_missing_value_tracks_true", n, true);
  expect_size(modes, "nodes_modes", n);
  expect_size(std::span<const double>(splits), "nodes_values", n);

  std::map<std::pair<int64_t, int64_t>, uint32_t> index;
  for (size_t i = 0; i < n; ++i)
    if (!index.emplace(std::pair(tree_ids[i], node_ids[i]), static_cast<uint32_t>(i)).second)
      fail("node {} of tree {} is there twice", node_ids[i], tree_ids[i]);
  const auto find = [&](int64_t tree, int64_t node) {
    const auto it = index.find({tree, node});
    if (it == index.end()) fail("tree {} has no node {}", tree, node);
    return it->second;
  };
  static constexpr const char* kModes[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE", "BRANCH_GT",
                                           "BRANCH_EQ",  "BRANCH_NEQ", "",           "LEAF"};
  std::vector<bool> has_parent(n);
  t.nodes_.resize(n);
  for (size_t i = 0; i < n; ++i) {
    Node& node = t.nodes_[i];
    const auto* mode = std::find(std::begin(kModes), std::end(kModes), modes[i]);
    if (mode == std::end(kModes)) fail("nodes_modes[{}] is \"{}\", expected BRANCH_... or LEAF", i, modes[i]);
    node.mode = static_cast<Mode>(mode - kModes);
    if (node.mode == kLeaf) continue;
    node.split = splits[i];
    node.missing_is_true = !missing.empty() && missing[i] != 0;
    t.set_feature(node, features[i]);
    node.when_true = find(tree_ids[i], when_true[i]);
    node.when_false = find(tree_ids[i], when_false[i]);
    has_parent[node.when_true] = has_parent[node.when_false] = true;
  }
  std::map<int64_t, size_t> roots;
  for (size_t i = 0; i < n; ++i) {
    if (has_parent[i]) continue;
    if (!roots.emplace(tree_ids[i], i).second) fail("tree {} has more than one root", tree_ids[i]);
    t.roots_.push_back(static_cast<uint32_t>(i));
  }
  const std::string p = prefix;
  const auto vote_trees = ints(p + "_treeids"), vote_nodes = ints(p + "_nodeids"), targets = ints(p + "_ids");
  const std::vector<double> weights = number_list(attrs, p + "_weights");
  expect_size(vote_trees, "..._treeids of votes", targets.size());
  expect_size(vote_nodes, "..._nodeids of votes", targets.size());
  expect_size(std::span<const double>(weights), "..._weights of votes", targets.size());
  std::vector<std::pair<uint32_t, Vote>> votes;
  for (size_t i = 0; i < targets.size(); ++i) {
    const uint32_t leaf = find(vote_trees[i], vote_nodes[i]);
    if (t.nodes_[leaf].mode == kLeaf) votes.push_back({leaf, {targets[i], weights[i]}});  // others never speak
  }
  std::stable_sort(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < votes.size(); ++i) {
    Node& leaf = t.nodes_[votes[i].first];
    if (i == 0 || votes[i - 1].first != votes[i].first) leaf.when_true = static_cast<uint32_t>(i);
    leaf.when_false = static_cast<uint32_t>(i + 1);
    t.votes_.push_back(votes[i].second);
  }
  t.check_structure(true);
  return t;
}

Trees Trees::from_splits(const graph::Attrs& attrs) {
  Trees t;
  const auto features = attrs.get_ints("nodes_featureids"), roots = attrs.get_ints("tree_roots");
  const auto when_true = attrs.get_ints("nodes_truenodeids"), when_false = attrs.get_ints("nodes_falsenodeids");
  const auto true_leaf = attrs.get_ints("nodes_trueleafs"), false_leaf = attrs.get_ints("nodes_falseleafs");
  const auto missing = attrs.get_ints("nodes_missing_value_tracks_true"), targets = attrs.get_ints("leaf_targetids");
  const auto numbers = [&](const char* name) {
    const Value* v = attrs.get_tensor(name);
    return v ? tensor_numbers(*v) : std::vector<double>();
  };
  const std::vector<double> modes = numbers("nodes_modes"), splits = numbers("nodes_splits"),
                            weights = numbers("leaf_weights"), members = numbers("membership_values");
  const size_t n = features.size(), leaves = targets.size();
  if (n + leaves >= kMaxNodes) fail("{} tree nodes are too many", n + leaves);
  expect_size(when_true, "nodes_truenodeids", n);
  expect_size(when_false, "nodes_falsenodeids", n);
  expect_size(true_leaf, "nodes_trueleafs", n);
  expect_size(false_leaf, "nodes_falseleafs", n);
  expect_size(missing, "nodes_missing_value_tracks_true", n, true);
  expect_size(std::span<const double>(modes), "nodes_modes", n);
  expect_size(std::span<const double>(splits), "nodes_splits", n);
  expect_size(std::span<const double>(weights), "leaf_weights", leaves);

  // A leaf may have several parents, so each edge to a leaf gets a leaf node of its own.
  t.nodes_.resize(n);
  for (size_t i = 0; i < leaves; ++i) t.votes_.push_back({targets[i], weights[i]});
  const auto child = [&](int64_t id, int64_t is_leaf) {
    if (id < 0 || id >= static_cast<int64_t>(is_leaf ? leaves : n))
      fail("child {} is out of range, there are {} {}", id, is_leaf ? leaves : n, is_leaf ? "leaves" : "nodes");
    if (!is_leaf) return static_cast<uint32_t>(id);
    Node leaf;
    leaf.when_true = static_cast<uint32_t>(id);
    leaf.when_false = leaf.when_true + 1;
    t.nodes_.push_back(leaf);
    return static_cast<uint32_t>(t.nodes_.size() - 1);
  };
  size_t at = 0;
  for (size_t i = 0; i < n; ++i) {
    Node node;
    if (!(modes[i] >= 0 && modes[i] <= static_cast<double>(kMember)))
      fail("nodes_modes[{}] is {}, expected 0 to 6", i, modes[i]);
    node.mode = static_cast<Mode>(static_cast<int>(modes[i]));
    node.split = splits[i];
    node.missing_is_true = !missing.empty() && missing[i] != 0;
    t.set_feature(node, features[i]);
    if (node.mode == kMember) {  // the next set, which a NaN ends
      node.first_member = static_cast<uint32_t>(t.members_.size());
      if (at >= members.size()) fail("membership_values has too few sets");
      while (at < members.size() && !std::isnan(members[at])) t.members_.push_back(members[at++]);
      ++at;
      node.end_member = static_cast<uint32_t>(t.members_.size());
    }
    const bool lone = true_leaf[i] && false_leaf[i] && when_true[i] == when_false[i];
    node.when_true = child(when_true[i], true_leaf[i]);
    node.when_false = lone ? node.when_true : child(when_false[i], false_leaf[i]);
    t.nodes_[i] = node;
  }
  for (int64_t r : roots) {
    if (r < 0 || r >= static_cast<int64_t>(n)) fail("tree root {} is out of range [0, {})", r, n);
    t.roots_.push_back(static_cast<uint32_t>(r));
  }
  t.check_structure(false);
  return t;
}

void Trees::check_structure(bool all_reached) {
  std::vector<bool> seen(nodes_.size());
  std::vector<uint32_t> open;
  for (uint32_t root : roots_) {
    open.push_back(root);
    while (!open.empty()) {
      const uint32_t i = open.back();
      open.pop_back();
      if (seen[i]) fail("tree node {} can be reached in two ways", i);
      seen[i] = true;
      const Node& n = nodes_[i];
      if (n.mode == kLeaf) continue;
      open.push_back(n.when_true);
      if (n.when_false != n.when_true) open.push_back(n.when_false);
    }
  }
  for (size_t i = 0; i < seen.size() && all_reached; ++i)
    if (!seen[i]) fail("tree node {} is part of a cycle", i);
}

void Trees::check_targets(int64_t n) const {
  for (const Vote& v : votes_)
    if (v.target < 0 || v.target >= n) fail("a leaf votes for {}, expected [0, {})", v.target, n);
}

bool Trees::test(const Node& n, double x) const {
  if (std::isnan(x)) return n.missing_is_true;
  switch (n.mode) {
    case kLeq:
      return x <= n.split;
    case kLt:
      return x < n.split;
    case kGte:
      return x >= n.split;
    case kGt:
      return x > n.split;
    case kEq:
      return x == n.split;
    case kNeq:
      return x != n.split;
    default:
      return std::find(members_.begin() + n.first_member, members_.begin() + n.end_member, x) !=
             members_.begin() + n.end_member;
  }
}

void Trees::score(std::span<const double> row, Sum how, std::span<double> scores, std::span<bool> voted) const {
  std::fill(scores.begin(), scores.end(), 0);
  std::fill(voted.begin(), voted.end(), false);
  for (uint32_t root : roots_) {
    const Node* n = &nodes_[root];
    while (n->mode != kLeaf) n = &nodes_[test(*n, row[n->feature]) ? n->when_true : n->when_false];
    for (uint32_t v = n->when_true; v < n->when_false; ++v) {
      const auto k = static_cast<size_t>(votes_[v].target);
      const double w = votes_[v].weight;
      if (how == Sum::kMin) {
        scores[k] = voted[k] ? std::min(scores[k], w) : w;
      } else if (how == Sum::kMax) {
        scores[k] = voted[k] ? std::max(scores[k], w) : w;
      } else {
        scores[k] += w;
      }
      voted[k] = true;
    }
  }
  if (how == Sum::kAverage && !roots_.empty())
    for (double& s : scores) s /= static_cast<double>(roots_.size());
}

void Trees::check_columns(int64_t rows, int64_t columns) const {
  if (columns < num_features_ && rows > 0) fail("rows have {} features, the trees read {}", columns, num_features_);
}

BaseValues::BaseValues(const graph::Attrs& attrs, size_t targets) : values(number_list(attrs, "base_values")) {
  if (values.size() > 1 && values.size() != targets)
    fail("base_values has {} entries, expected {}", values.size(), targets);
}

void BaseValues::add_to(std::span<double> scores) const {
  if (values.empty()) return;
  for (size_t k = 0; k < scores.size(); ++k) scores[k] += values[values.size() == 1 ? 0 : k];
}

}  // namespace tenon::ops
