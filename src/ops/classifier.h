// Shared by the classical models of ai.onnx.ml: rows as doubles, class labels, transforms of scores.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/rows.h"

namespace tenon::ops {

inline constexpr const char* kMl = "ai.onnx.ml";
/// Element types of features: float, double, int64, int32.
inline constexpr DTypeSet kFeatureSet = dtype_set({DType::kFloat, DType::kDouble, DType::kInt64, DType::kInt32});
inline constexpr DTypeSet kLabelSet = dtype_set({DType::kString, DType::kInt64});

/// A feature matrix [rows, columns]; a 1-D tensor is one row.
struct Features {
  int64_t rows = 0, columns = 0;
  const double* data = nullptr;
  std::span<const double> row(int64_t i) const { return {data + i * columns, static_cast<size_t>(columns)}; }
};
/// Input i (of kFeatureSet or float16) as doubles, in scratch memory unless it is double.
Features features(KernelContext& c, size_t i);
/// Number of rows of feature input i, for infer; checks the rank.
int64_t feature_rows(InferContext& c, size_t i);

/// Throws unless rows have `expected` features (there may be no rows).
void check_columns(const Features& x, int64_t expected);

/// What the attribute post_transform does to a row of scores.
enum class Transform { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };
Transform read_transform(const graph::Attrs& attrs);
void transform_scores(Transform t, std::span<double> scores);

/// Class labels of a classifier: strings or integers, from two attributes of which one must be there.
struct ClassLabels {
  std::vector<int64_t> ints;
  std::vector<std::string> strings;

  ClassLabels(const graph::Attrs& attrs, std::string_view ints_name,
              std::string_view strings_name = "classlabels_strings");
  size_t size() const { return strings.empty() ? ints.size() : strings.size(); }
  DType type() const { return strings.empty() ? DType::kInt64 : DType::kString; }
  /// y[i] = label k; k = -1 is "none of them": 0 or "".
  void write(const TensorRef& y, int64_t i, int64_t k) const;
};

// Classifiers give labels [N] and scores [N, columns], regressors numbers.
void infer_classifier(InferContext& c, const ClassLabels& labels, int64_t columns);
/// Row i of a classifier's outputs, as far as they are wanted: label `best` (-1: none) and the scores.
void write_row(KernelContext& c, const ClassLabels& labels, int64_t i, int64_t best, std::span<const double> scores);
/// Row i of a float matrix.
void write_scores(const TensorRef& y, int64_t i, std::span<const double> scores);
struct ClassifierPorts {
  static constexpr Port kIn[] = {{"X", kFeatureSet, "T1"}};
  static constexpr Port kOut[] = {{"Y", kLabelSet, "T2"}, {"Z", kFloat32Set, ""}};
};
struct RegressorPorts {
  static constexpr Port kIn[] = {{"X", kFeatureSet}}, kOut[] = {{"Y", kFloat32Set, ""}};
};

/// Index of the largest score, the first of equal ones.
int64_t best_class(std::span<const double> scores);

/// Doubles of a list attribute: FLOATS `name` or, with double precision, TENSOR `name`_as_tensor; empty when neither.
std::vector<double> number_list(const graph::Attrs& attrs, const std::string& name);
/// Elements of a tensor attribute as doubles; error when it is missing.
std::vector<double> tensor_numbers(const Value& v);

}  // namespace tenon::ops
