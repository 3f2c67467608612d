// ZipMap, LabelEncoder, CategoryMapper, linear and SVM models, Scaler, Normalizer and the other feature ops.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ops/classifier.h"
#include "support/op_runner.h"

namespace tenon::ops::label_encoder {
namespace {

using namespace tenon::test;
using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;
using Strings = std::vector<std::string>;
const float kNan = std::numeric_limits<float>::quiet_NaN();

Value ml(const char* op, int version, std::vector<Value> inputs, const graph::Attrs& attrs) {
  return run_op(kMl, op, version, inputs, attrs)[0];
}
std::string refused(const char* op, int version, std::vector<Value> inputs, const graph::Attrs& attrs) {
  return error_of([&] { ml(op, version, inputs, attrs); });
}

TEST(LabelEncoder, Tables) {
  const Value words = vec<std::string>({"a", "x", "b"});
  EXPECT_EQ(items<int64_t>(ml("LabelEncoder", 1, {words}, {{"classes_strings", Strings{"b", "a"}}})), (Ints{1, -1, 0}));
  EXPECT_EQ(items<std::string>(ml("LabelEncoder", 1, {vec<int64_t>({1, 5})},
                                  {{"classes_strings", Strings{"b", "a"}}, {"default_string", std::string("?")}})),
            (Strings{"a", "?"}));
  EXPECT_EQ(
      items<float>(
          ml("LabelEncoder", 2, {words},
             {{"keys_strings", Strings{"a", "b", "a"}}, {"values_floats", Floats{1, 2, 3}}, {"default_float", 0.5F}})),
      (Floats{3, 0.5F, 2}));
  EXPECT_EQ(items<int64_t>(ml("LabelEncoder", 4, {vec<float>({kNan, 0, -0.0F, 2})},
                              {{"keys_floats", Floats{kNan, 0}}, {"values_int64s", Ints{7, 8}}})),
            (Ints{7, 8, 8, -1}));
  EXPECT_EQ(items<std::string>(ml("LabelEncoder", 4, {vec<int64_t>({3, 4})},
                                  {{"keys_int64s", Ints{3}}, {"values_strings", Strings{"three"}}})),
            (Strings{"three", "_Unused"}));
  EXPECT_EQ(items<int16_t>(ml("LabelEncoder", 4, {vec<double>({0.5, 1})},
                              {{"keys_tensor", vec<double>({1})},
                               {"values_tensor", vec<int16_t>({9})},
                               {"default_tensor", vec<int16_t>({4})}})),
            (std::vector<int16_t>{4, 9}));
  EXPECT_EQ(items<int32_t>(ml("LabelEncoder", 4, {vec<int16_t>({1, 2})},
                              {{"keys_tensor", vec<int16_t>({1})}, {"values_tensor", vec<int32_t>({5})}})),
            (std::vector<int32_t>{5, -1}));
  EXPECT_NE(refused("LabelEncoder", 4, {words}, {{"keys_int64s", Ints{1}}, {"values_int64s", Ints{1}}}), "");
  EXPECT_NE(refused("LabelEncoder", 4, {words}, {{"keys_strings", Strings{"a"}}, {"values_int64s", Ints{1, 2}}}), "");
  EXPECT_NE(refused("LabelEncoder", 2, {words}, {{"keys_strings", Strings{"a"}}}), "");
  EXPECT_EQ(items<int64_t>(
                ml("CategoryMapper", 1, {words}, {{"cats_strings", Strings{"a", "b"}}, {"cats_int64s", Ints{3, 4}}})),
            (Ints{3, -1, 4}));
  EXPECT_EQ(items<std::string>(ml("CategoryMapper", 1, {vec<int64_t>({4})},
                                  {{"cats_strings", Strings{"a", "b"}}, {"cats_int64s", Ints{3, 4}}})),
            (Strings{"b"}));
}

TEST(LabelEncoder, ZipMap) {
  const Value s = ml("ZipMap", 1, {tensor<float>({2, 2}, {1, 2, 3, 4})}, {{"classlabels_strings", Strings{"a", "b"}}});
  ASSERT_EQ(s.items().size(), 2u);
  EXPECT_EQ(s.items()[1].kind(), ValueKind::kMap);
  EXPECT_EQ(items<std::string>(s.items()[1].items()[0]), (Strings{"a", "b"}));
  EXPECT_EQ(items<float>(s.items()[1].items()[1]), (Floats{3, 4}));
  EXPECT_EQ(items<int64_t>(ml("ZipMap", 1, {vec<float>({1})}, {{"classlabels_int64s", Ints{5}}}).items()[0].items()[0]),
            (Ints{5}));
  EXPECT_NE(refused("ZipMap", 1, {tensor<float>({1, 2}, {1, 2})}, {{"classlabels_int64s", Ints{5}}}), "");
  EXPECT_NE(refused("ZipMap", 1, {vec<float>({1})}, {}), "");
}

TEST(LabelEncoder, LinearClassifier) {
  const Value x = tensor<float>({2, 2}, {1, 2, -3, 1});
  const auto run = [&](graph::Attrs a) { return run_op(kMl, "LinearClassifier", 1, {x}, a, 2); };
  const graph::Attrs three = {{"coefficients", Floats{1, 0, 0, 1, -1, -1}},
                              {"intercepts", Floats{0, 1, 0}},
                              {"classlabels_strings", Strings{"a", "b", "c"}}};
  auto y = run(three);
  EXPECT_EQ(items<std::string>(y[0]), (Strings{"b", "b"}));
  EXPECT_EQ(items<float>(y[1]), (Floats{1, 3, -3, -3, 2, 2}));
  const graph::Attrs margin = {{"coefficients", Floats{1, 1}},
                               {"intercepts", Floats{0.5F}},
                               {"classlabels_ints", Ints{4, 6}},
                               {"post_transform", std::string("LOGISTIC")}};
  y = run(margin);
  EXPECT_EQ(items<int64_t>(y[0]), (Ints{6, 4}));
  EXPECT_FLOAT_EQ(items<float>(y[1])[1], static_cast<float>(1 / (1 + std::exp(-3.5))));
  EXPECT_FLOAT_EQ(items<float>(y[1])[2], static_cast<float>(1 / (1 + std::exp(-1.5))));
  y = run({{"coefficients", Floats{1, 1}}, {"classlabels_ints", Ints{4}}});
  EXPECT_EQ(items<int64_t>(y[0]), (Ints{4, 0}));
  EXPECT_NE(error_of([&] {
              run({{"coefficients", Floats{1, 1, 1}}, {"intercepts", Floats{0}}, {"classlabels_ints", Ints{4, 6}}});
            }),
            "");
  EXPECT_EQ(
      items<float>(ml("LinearRegressor", 1, {x},
                      {{"coefficients", Floats{1, 1, 2, 0}}, {"intercepts", Floats{0, 1}}, {"targets", int64_t{2}}})),
      (Floats{3, 3, -2, -5}));
  EXPECT_NE(refused("LinearRegressor", 1, {x}, {{"coefficients", Floats{1, 1, 2}}}), "");
}

TEST(LabelEncoder, Svm) {
  // One-vs-one over three classes with one linear support vector each.
  const graph::Attrs three = {{"classlabels_ints", Ints{1, 2, 3}},
                              {"vectors_per_class", Ints{1, 1, 1}},
                              {"support_vectors", Floats{1, 0, 0, 1, -1, -1}},
                              {"coefficients", Floats{1, -1, -1, 1, 1, -1}},
                              {"rho", Floats{0, 0.5F, 0}},
                              {"kernel_type", std::string("LINEAR")}};
  auto y = run_op(kMl, "SVMClassifier", 1, {tensor<float>({2, 2}, {2, 1, -1, 0})}, three, 2);
  // kernels: (2, 1, -3), (-1, 0, 1); pairs (0,1): k0 - k1; (0,2): k0 - k2 + 0.5 with row 1 of class 0; (1,2): k1 - k2.
  EXPECT_EQ(items<float>(y[1]), (Floats{1, 5.5F, 4, -1, -1.5F, -1}));
  EXPECT_EQ(items<int64_t>(y[0]), (Ints{1, 3}));
  graph::Attrs probable = three;
  probable.set("prob_a", Floats{-1, -1, -1});
  probable.set("prob_b", Floats{0, 0, 0});
  y = run_op(kMl, "SVMClassifier", 1, {tensor<float>({2, 2}, {2, 1, -1, 0})}, probable, 2);
  const auto p = items<float>(y[1]);
  EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-6);
  EXPECT_GT(p[0], p[1]);
  EXPECT_GT(p[1], p[2]);
  EXPECT_GT(p[5], p[4]);
  const graph::Attrs two = {{"classlabels_ints", Ints{0, 1}},
                            {"vectors_per_class", Ints{1, 1}},
                            {"support_vectors", Floats{1, 3}},
                            {"coefficients", Floats{1, -1}},
                            {"rho", Floats{0.25F}},
                            {"kernel_type", std::string("RBF")},
                            {"kernel_params", Floats{0.5F, 0, 0}}};
  y = run_op(kMl, "SVMClassifier", 1, {tensor<float>({2, 1}, {1, 3})}, two, 2);
  const double s = 1 - std::exp(-2.0) + 0.25;
  EXPECT_EQ(items<int64_t>(y[0]), (Ints{0, 1}));
  EXPECT_FLOAT_EQ(items<float>(y[1])[0], static_cast<float>(-s));
  EXPECT_FLOAT_EQ(items<float>(y[1])[1], static_cast<float>(s));
  const graph::Attrs linear = {
      {"classlabels_strings", Strings{"a", "b"}}, {"coefficients", Floats{1, -1}}, {"rho", Floats{0}}};
  y = run_op(kMl, "SVMClassifier", 1, {tensor<float>({2, 1}, {2, -2})}, linear, 2);
  EXPECT_EQ(items<std::string>(y[0]), (Strings{"a", "b"}));
  EXPECT_EQ(items<float>(y[1]), (Floats{2, -2, -2, 2}));

  graph::Attrs poly = {{"support_vectors", Floats{1, 2, 3, 4}}, {"n_supports", int64_t{2}},
                       {"coefficients", Floats{2, -1}},         {"rho", Floats{3}},
                       {"kernel_type", std::string("POLY")},    {"kernel_params", Floats{0.5F, 1, 2}}};
  const Value x = tensor<float>({1, 2}, {1, 1});
  EXPECT_EQ(items<float>(ml("SVMRegressor", 1, {x}, poly)), (Floats{3 + 2 * 2.5F * 2.5F - 4.5F * 4.5F}));
  poly.set("one_class", int64_t{1});
  EXPECT_EQ(items<float>(ml("SVMRegressor", 1, {x}, poly)), (Floats{-1}));
  EXPECT_EQ(items<float>(ml("SVMRegressor", 1, {x}, {{"coefficients", Floats{2, 5}}, {"rho", Floats{1}}})),
            (Floats{8}));
  poly.set("kernel_type", std::string("COSINE"));
  EXPECT_NE(refused("SVMRegressor", 1, {x}, poly), "");
  EXPECT_NE(refused("SVMRegressor", 1, {tensor<float>({1, 3}, {1, 1, 1})},
                    {{"coefficients", Floats{2, 5}}, {"rho", Floats{1}}}),
            "");
}

TEST(LabelEncoder, ScalerAndNormalizer) {
  for (DType t : {DType::kFloat, DType::kDouble, DType::kInt64, DType::kInt32}) {
    const Value x = numbers(t, {2, 2}, {3, -4, 0, 0});
    EXPECT_EQ(items<float>(ml("Scaler", 1, {x}, {{"offset", Floats{1, 2}}, {"scale", Floats{0.5F, 2}}})),
              (Floats{1, -12, -0.5F, -4}));
    EXPECT_EQ(items<float>(ml("Scaler", 1, {x}, {{"offset", Floats{1}}, {"scale", Floats{2}}})),
              (Floats{4, -10, -2, -2}));
    EXPECT_EQ(items<float>(ml("Normalizer", 1, {x}, {{"norm", std::string("L1")}})),
              (Floats{3.0F / 7, -4.0F / 7, 0, 0}));
    EXPECT_EQ(items<float>(ml("Normalizer", 1, {x}, {{"norm", std::string("L2")}})), (Floats{0.6F, -0.8F, 0, 0}));
    EXPECT_EQ(items<float>(ml("Normalizer", 1, {x}, {})), (Floats{1, -4.0F / 3, 0, 0}));
    EXPECT_EQ(as_doubles(ml("Binarizer", 1, {x}, {{"threshold", 2.5F}})), (std::vector<double>{1, 0, 0, 0}));
  }
  EXPECT_NE(
      refused("Scaler", 1, {tensor<float>({1, 3}, {1, 2, 3})}, {{"offset", Floats{1, 2}}, {"scale", Floats{1, 2}}}),
      "");
  EXPECT_NE(refused("Normalizer", 1, {vec<float>({1})}, {{"norm", std::string("L3")}}), "");
}

TEST(LabelEncoder, Features) {
  const Value x = tensor<float>({2, 3}, {0, 1, 2, 3, 4, 5});
  const Value picked = ml("ArrayFeatureExtractor", 1, {x, tensor<int64_t>({1, 2}, {2, 0})}, {});
  EXPECT_EQ(dims_of(picked), (Ints{2, 2}));
  EXPECT_EQ(items<float>(picked), (Floats{2, 0, 5, 3}));
  EXPECT_EQ(dims_of(ml("ArrayFeatureExtractor", 1, {vec<std::string>({"a", "b"}), vec<int64_t>({1})}, {})),
            (Ints{1, 1}));
  for (int64_t i : {3, -1}) EXPECT_NE(refused("ArrayFeatureExtractor", 1, {x, vec<int64_t>({i})}, {}), "");

  EXPECT_EQ(items<float>(ml("Imputer", 1, {tensor<float>({2, 2}, {kNan, 1, 2, kNan})},
                            {{"imputed_value_floats", Floats{8, 9}}, {"replaced_value_float", kNan}})),
            (Floats{8, 1, 2, 9}));
  EXPECT_EQ(items<int64_t>(ml("Imputer", 1, {vec<int64_t>({0, 1})}, {{"imputed_value_int64s", Ints{5}}})),
            (Ints{5, 1}));
  EXPECT_NE(refused("Imputer", 1, {vec<int64_t>({0, 1})}, {{"imputed_value_floats", Floats{5}}}), "");

  EXPECT_EQ(items<float>(ml("OneHotEncoder", 1, {vec<int64_t>({2, 5})}, {{"cats_int64s", Ints{1, 2}}})),
            (Floats{0, 1, 0, 0}));
  EXPECT_EQ(items<float>(ml("OneHotEncoder", 1, {vec<float>({1.7F})}, {{"cats_int64s", Ints{1, 2}}})), (Floats{1, 0}));
  EXPECT_EQ(items<float>(ml("OneHotEncoder", 1, {vec<std::string>({"b"})}, {{"cats_strings", Strings{"a", "b"}}})),
            (Floats{0, 1}));
  EXPECT_NE(refused("OneHotEncoder", 1, {vec<int64_t>({5})}, {{"cats_int64s", Ints{1, 2}}, {"zeros", int64_t{0}}}), "");

  const Value row = ml("FeatureVectorizer", 1, {x, tensor<float>({2, 1}, {7, 8})}, {{"inputdimensions", Ints{2, 2}}});
  EXPECT_EQ(items<float>(row), (Floats{0, 1, 7, 0, 3, 4, 8, 0}));
}

TEST(LabelEncoder, Maps) {
  const Value m = Value::map(vec<std::string>({"c", "a"}), vec<float>({8, 4}));
  EXPECT_EQ(items<float>(ml("DictVectorizer", 1, {m}, {{"string_vocabulary", Strings{"a", "c", "b"}}})),
            (Floats{4, 8, 0}));
  EXPECT_NE(refused("DictVectorizer", 1, {m}, {{"string_vocabulary", Strings{"a"}}}), "");
  EXPECT_NE(refused("DictVectorizer", 1, {m}, {{"int64_vocabulary", Ints{1}}}), "");
  const Value words = Value::map(vec<int64_t>({2, 0}), vec<std::string>({"20", "5"}));
  EXPECT_EQ(items<float>(ml("CastMap", 1, {words}, {})), (Floats{5, 20}));
  EXPECT_EQ(items<int64_t>(ml(
                "CastMap", 1, {words},
                {{"cast_to", std::string("TO_INT64")}, {"map_form", std::string("SPARSE")}, {"max_map", int64_t{4}}})),
            (Ints{5, 0, 20, 0}));
  EXPECT_EQ(items<std::string>(ml("CastMap", 1, {words}, {{"cast_to", std::string("TO_STRING")}})),
            (Strings{"5", "20"}));
  EXPECT_NE(refused("CastMap", 1, {words}, {{"map_form", std::string("SPARSE")}, {"max_map", int64_t{2}}}), "");
  EXPECT_NE(refused("CastMap", 1, {Value::map(vec<int64_t>({0}), vec<std::string>({"x"}))}, {}), "");
}

}  // namespace
}  // namespace tenon::ops::label_encoder
