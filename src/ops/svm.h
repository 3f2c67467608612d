// Support vector machines: kernel functions against support vectors; one-vs-one votes and Platt probabilities.
#pragma once
#include <span>
#include <vector>

#include "ops/classifier.h"

namespace tenon::ops {

/// Support vectors and the function that compares a row with one; without vectors a linear model.
struct SvmMachine {
  enum class Shape { kLinear, kPoly, kRbf, kSigmoid };
  Shape shape = Shape::kLinear;
  double gamma = 0, coef0 = 0, degree = 0;
  std::vector<double> vectors, coefficients, rho;
  int64_t num_vectors = 0, features = 0;

  SvmMachine(const graph::Attrs& attrs, int64_t count);
  double compare(std::span<const double> x, const double* v) const;
  /// compare(x, vector v)
  double against(std::span<const double> x, size_t v) const { return compare(x, vectors.data() + v * x.size()); }
};

/// Everything about an SVMClassifier that its attributes say.
class SvmClassifierModel {
 public:
  /// Memory of one thread.
  struct Work {
    std::vector<double> scores, kernels, votes, pairs, matrix;
  };

  explicit SvmClassifierModel(const graph::Attrs& attrs);
  int64_t columns() const { return doubled() ? 2 : raw_scores(); }
  /// The class of row x, -1 for none of them; w.scores are its final scores, one per column.
  int64_t classify(std::span<const double> x, Work& w) const;

  ClassLabels labels;
  SvmMachine machine;
  int64_t classes;

 private:
  bool linear() const { return machine.num_vectors == 0; }
  int64_t pairs() const { return classes * (classes - 1) / 2; }
  /// Scores before the last step: per class, or per pair of classes.
  int64_t raw_scores() const { return linear() || !prob_a_.empty() ? classes : pairs(); }
  /// A single score of two classes becomes two.
  bool doubled() const { return raw_scores() == 1 && classes == 2 && machine.rho.size() == 1; }
  /// One score per pair of classes, from the support vectors of both; the winner of each pair gets a vote.
  void duel(Work& w) const;
  /// The part of class c's vectors in a score.
  double part(const std::vector<double>& kernels, size_t row, size_t c) const;
  void probabilities(Work& w) const;

  std::vector<int64_t> first_;  ///< the support vectors of class c: [first_[c], first_[c + 1])
  std::vector<double> prob_a_, prob_b_;
  Transform transform_;
  bool all_positive_;
};

}  // namespace tenon::ops
