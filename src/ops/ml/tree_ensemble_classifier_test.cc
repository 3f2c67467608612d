// Tree ensembles: votes, bases, transforms, missing values, set membership, and trees that are none.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ops/classifier.h"
#include "support/op_runner.h"

namespace tenon::ops::tree_ensemble_classifier {
namespace {

using namespace tenon::test;
using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;
using Strings = std::vector<std::string>;
const float kNan = std::numeric_limits<float>::quiet_NaN();

/// Two stumps: x0 <= 1 (leaves 1, 2), and x1 < 5 (leaves 1, 2).
graph::Attrs stumps() {
  return {{"nodes_treeids", Ints{0, 0, 0, 1, 1, 1}},
          {"nodes_nodeids", Ints{0, 1, 2, 0, 1, 2}},
          {"nodes_featureids", Ints{0, 0, 0, 1, 0, 0}},
          {"nodes_values", Floats{1, 0, 0, 5, 0, 0}},
          {"nodes_modes", Strings{"BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LT", "LEAF", "LEAF"}},
          {"nodes_truenodeids", Ints{1, 0, 0, 1, 0, 0}},
          {"nodes_falsenodeids", Ints{2, 0, 0, 2, 0, 0}},
          {"nodes_missing_value_tracks_true", Ints{0, 0, 0, 1, 0, 0}}};
}
graph::Attrs votes(const std::string& prefix, Ints ids, Floats weights) {
  graph::Attrs a = stumps();
  a.set(prefix + "_treeids", Ints{0, 0, 1, 1});
  a.set(prefix + "_nodeids", Ints{1, 2, 1, 2});
  a.set(prefix + "_ids", std::move(ids));
  a.set(prefix + "_weights", std::move(weights));
  return a;
}
graph::Attrs with(graph::Attrs a, const char* name, graph::AttrValue v) {
  a.set(name, std::move(v));
  return a;
}
const std::vector<double> kRows = {1, 4, 1, 5, 2, 4, 2, 5};  // true true, true false, false true, false false

std::vector<Value> classify(graph::Attrs a, DType t = DType::kFloat) {
  return run_op(kMl, "TreeEnsembleClassifier", 3, {numbers(t, {4, 2}, kRows)}, a, 2);
}
Floats regress(graph::Attrs a, DType t = DType::kFloat) {
  return items<float>(run_op(kMl, "TreeEnsembleRegressor", 3, {numbers(t, {4, 2}, kRows)}, a)[0]);
}

TEST(Trees, ManyClasses) {
  graph::Attrs a = with(votes("class", {0, 1, 2, 1}, {3, 1, 2, 1}), "classlabels_int64s", Ints{10, 20, 30});
  for (DType t : {DType::kFloat, DType::kDouble, DType::kInt64, DType::kInt32}) {
    auto y = classify(a, t);
    EXPECT_EQ(items<int64_t>(y[0]), (Ints{10, 10, 30, 20}));
    EXPECT_EQ(items<float>(y[1]), (Floats{3, 0, 2, 3, 1, 0, 0, 1, 2, 0, 2, 0}));
  }
  auto y = classify(with(a, "base_values", Floats{0, 5, 0}));
  EXPECT_EQ(items<int64_t>(y[0]), (Ints{20, 20, 20, 20}));
  y = classify(with(a, "post_transform", std::string("SOFTMAX")));
  const auto z = items<float>(y[1]);
  const double sum = std::exp(3) + std::exp(0) + std::exp(2);
  EXPECT_FLOAT_EQ(z[0], static_cast<float>(std::exp(3) / sum));
  EXPECT_FLOAT_EQ(z[1], static_cast<float>(1 / sum));
  y = classify(with(a, "post_transform", std::string("SOFTMAX_ZERO")));
  EXPECT_EQ(items<float>(y[1])[1], 0);
  EXPECT_FLOAT_EQ(items<float>(y[1])[0], static_cast<float>(std::exp(3) / (std::exp(3) + std::exp(2))));
}

TEST(Trees, TwoClasses) {
  // Explicit votes for both: the larger sum wins.
  auto y = classify(
      with(votes("class", {0, 1, 0, 1}, {0.9F, 0.4F, 0.2F, 0.7F}), "classlabels_strings", Strings{"no", "yes"}));
  EXPECT_EQ(items<std::string>(y[0]), (Strings{"no", "no", "yes", "yes"}));
  EXPECT_EQ(items<float>(y[1])[0], 0.9F + 0.2F);
  // Positive votes for one class are its probability.
  const graph::Attrs one =
      with(votes("class", {0, 0, 0, 0}, {0.1F, 0.3F, 0.1F, 0.35F}), "classlabels_int64s", Ints{0, 1});
  y = classify(one);
  EXPECT_EQ(items<int64_t>(y[0]), (Ints{0, 0, 0, 1}));
  EXPECT_FLOAT_EQ(items<float>(y[1])[6], 0.35F);
  EXPECT_FLOAT_EQ(items<float>(y[1])[7], 0.65F);
  // Signed votes are margins.
  const graph::Attrs margin = with(votes("class", {1, 1, 1, 1}, {-1, 1, -2, 3}), "classlabels_int64s", Ints{0, 1});
  y = classify(margin);
  EXPECT_EQ(items<int64_t>(y[0]), (Ints{0, 1, 0, 1}));
  EXPECT_EQ(items<float>(y[1]), (Floats{3, -3, -2, 2, 1, -1, -4, 4}));
  y = classify(with(with(margin, "post_transform", std::string("LOGISTIC")), "base_values", Floats{1}));
  EXPECT_EQ(items<int64_t>(y[0]), (Ints{0, 1, 0, 1}));
  EXPECT_FLOAT_EQ(items<float>(y[1])[7], static_cast<float>(1 / (1 + std::exp(-5.0))));
  EXPECT_FLOAT_EQ(items<float>(y[1])[6], static_cast<float>(1 / (1 + std::exp(5.0))));
  y = classify(with(one, "post_transform", std::string("LOGISTIC")));
  EXPECT_EQ(items<int64_t>(y[0]), (Ints{1, 1, 1, 1}));
  EXPECT_FLOAT_EQ(items<float>(y[1])[1], static_cast<float>(1 / (1 + std::exp(-0.2))));
}

TEST(Trees, Aggregates) {
  const graph::Attrs a = votes("target", {0, 0, 0, 0}, {1, 10, 4, 6});
  EXPECT_EQ(regress(a), (Floats{5, 7, 14, 16}));
  EXPECT_EQ(regress(with(a, "aggregate_function", std::string("AVERAGE"))), (Floats{2.5F, 3.5F, 7, 8}));
  EXPECT_EQ(regress(with(a, "aggregate_function", std::string("MIN"))), (Floats{1, 1, 4, 6}));
  EXPECT_EQ(regress(with(a, "aggregate_function", std::string("MAX"))), (Floats{4, 6, 10, 10}));
  EXPECT_EQ(regress(with(a, "base_values", Floats{100})), (Floats{105, 107, 114, 116}));
  graph::Attrs two = with(votes("target", {0, 1, 1, 0}, {1, 10, 4, 6}), "n_targets", int64_t{2});
  EXPECT_EQ(regress(two), (Floats{1, 4, 7, 0, 0, 14, 6, 10}));
  EXPECT_EQ(regress(with(two, "base_values_as_tensor", vec<double>({1, 2})), DType::kDouble),
            (Floats{2, 6, 8, 2, 1, 16, 7, 12}));
}

TEST(Trees, MissingValues) {  // the first tree sends NaN to false, the second to true
  const Value y = run_op(kMl, "TreeEnsembleRegressor", 1, {tensor<float>({1, 2}, {kNan, kNan})},
                         votes("target", {0, 0, 0, 0}, {1, 10, 4, 6}))[0];
  EXPECT_EQ(items<float>(y), (Floats{14}));
}

TEST(Trees, Modes) {
  const char* modes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"};
  const Floats expected[] = {{1, 1, 0}, {1, 0, 0}, {0, 1, 1}, {0, 0, 1}, {0, 1, 0}, {1, 0, 1}};
  for (size_t m = 0; m < 6; ++m) {
    SCOPED_TRACE(modes[m]);
    const graph::Attrs a = {{"nodes_treeids", Ints{7, 7, 7}},
                            {"nodes_nodeids", Ints{3, 4, 5}},
                            {"nodes_featureids", Ints{0, 0, 0}},
                            {"nodes_values_as_tensor", vec<double>({2, 0, 0})},
                            {"nodes_modes", Strings{modes[m], "LEAF", "LEAF"}},
                            {"nodes_truenodeids", Ints{4, 0, 0}},
                            {"nodes_falsenodeids", Ints{5, 0, 0}},
                            {"target_treeids", Ints{7}},
                            {"target_nodeids", Ints{4}},
                            {"target_ids", Ints{0}},
                            {"target_weights_as_tensor", vec<double>({1})}};
    EXPECT_EQ(items<float>(run_op(kMl, "TreeEnsembleRegressor", 3, {tensor<float>({3, 1}, {1, 2, 3})}, a)[0]),
              expected[m]);
  }
}

graph::Attrs split_trees() {  // node 0: x0 in {1, 4} ? node 1 : leaf 2;  node 1: x1 <= 3 ? leaf 0 : leaf 1
  return {{"tree_roots", Ints{0}},
          {"n_targets", int64_t{2}},
          {"nodes_featureids", Ints{0, 1}},
          {"nodes_modes", tensor<uint8_t>({2}, {6, 0})},
          {"nodes_splits", vec<float>({0, 3})},
          {"membership_values", vec<float>({1, 4, kNan})},
          {"nodes_truenodeids", Ints{1, 0}},
          {"nodes_trueleafs", Ints{0, 1}},
          {"nodes_falsenodeids", Ints{2, 1}},
          {"nodes_falseleafs", Ints{1, 1}},
          {"leaf_targetids", Ints{0, 1, 0}},
          {"leaf_weights", vec<float>({5, 6, 7})}};
}

TEST(Trees, Splits) {
  for (DType t : {DType::kFloat, DType::kDouble, DType::kFloat16}) {
    graph::Attrs a = split_trees();
    a.set("nodes_splits", numbers(t, {2}, {0, 3}));
    a.set("leaf_weights", numbers(t, {3}, {5, 6, 7}));
    a.set("membership_values", numbers(t, {3}, {1, 4, kNan}));
    const Value y = run_op(kMl, "TreeEnsemble", 5, {numbers(t, {3, 2}, {1, 3, 4, 4, 2, 0})}, a)[0];
    EXPECT_EQ(y.dtype(), t);
    EXPECT_EQ(as_doubles(y), (std::vector<double>{5, 0, 0, 6, 7, 0}));
  }
  graph::Attrs lone = split_trees();  // one node whose branches are the same leaf
  for (const char* name : {"nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"}) lone.set(name, Ints{0});
  for (const char* name : {"nodes_trueleafs", "nodes_falseleafs"}) lone.set(name, Ints{1});
  lone.set("nodes_modes", tensor<uint8_t>({1}, {0}));
  lone.set("nodes_splits", vec<float>({0}));
  EXPECT_EQ(items<float>(run_op(kMl, "TreeEnsemble", 5, {tensor<float>({1, 1}, {3})}, lone)[0]), (Floats{5, 0}));
}

TEST(Trees, Refused) {
  const auto error = [](const graph::Attrs& a) {
    return error_of([&] { run_op(kMl, "TreeEnsembleRegressor", 3, {numbers(DType::kFloat, {4, 2}, kRows)}, a); });
  };
  const graph::Attrs good = votes("target", {0, 0, 0, 0}, {1, 2, 3, 4});
  EXPECT_EQ(error(good), "");
  EXPECT_NE(error(with(good, "nodes_truenodeids", Ints{0, 0, 0, 1, 0, 0})).find("cycle"), std::string::npos);
  EXPECT_NE(error(with(good, "nodes_truenodeids", Ints{2, 0, 0, 1, 0, 0})).find("root"), std::string::npos);
  EXPECT_NE(error(with(good, "nodes_truenodeids", Ints{9, 0, 0, 1, 0, 0})).find("no node 9"), std::string::npos);
  EXPECT_NE(error(with(good, "nodes_nodeids", Ints{0, 1, 1, 0, 1, 2})).find("twice"), std::string::npos);
  EXPECT_NE(error(with(good, "nodes_values", Floats{1})).find("expected 6"), std::string::npos);
  EXPECT_NE(error(with(good, "nodes_featureids", Ints{2, 0, 0, 1, 0, 0})).find("features"), std::string::npos);
  EXPECT_NE(error(with(good, "nodes_featureids", Ints{-1, 0, 0, 1, 0, 0})).find("feature index"), std::string::npos);
  EXPECT_NE(error(with(good, "target_ids", Ints{0, 0, 0, 1})).find("votes for 1"), std::string::npos);
  EXPECT_NE(error(with(good, "nodes_modes", Strings{"LEQ", "LEAF", "LEAF", "BRANCH_LT", "LEAF", "LEAF"})), "");
  EXPECT_NE(error(with(good, "post_transform", std::string("TANH"))), "");
  const auto split_error = [](const char* name, graph::AttrValue v) {
    return error_of([&] {
      run_op(kMl, "TreeEnsemble", 5, {tensor<float>({1, 2}, {1, 1})}, with(split_trees(), name, std::move(v)));
    });
  };
  EXPECT_NE(split_error("nodes_truenodeids", Ints{0, 0}).find("two ways"), std::string::npos);
  EXPECT_NE(split_error("nodes_falsenodeids", Ints{3, 1}).find("out of range"), std::string::npos);
  EXPECT_NE(split_error("tree_roots", Ints{2}).find("root"), std::string::npos);
  EXPECT_NE(split_error("nodes_modes", tensor<uint8_t>({2}, {7, 0})).find("0 to 6"), std::string::npos);
  EXPECT_NE(split_error("aggregate_function", int64_t{4}), "");
  EXPECT_NE(classify(with(votes("class", {0, 1, 2, 1}, {3, 1, 2, 1}), "classlabels_int64s", Ints{1, 2, 3})).size(), 0u);
  EXPECT_NE(error_of([&] {
              classify(votes("class", {0, 1, 2, 1}, {3, 1, 2, 1}));
            }).find("classlabels"),
            std::string::npos);
}

}  // namespace
}  // namespace tenon::ops::tree_ensemble_classifier
