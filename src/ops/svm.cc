// Support vector machines: attributes, the comparison of rows and vectors, and how pairs of classes become one.
#include "ops/svm.h"

#include <algorithm>
#include <cmath>

#include "ops/move.h"

namespace tenon::ops {
namespace {

std::vector<double> doubles(const graph::Attrs& attrs, const char* name) {
  const auto v = attrs.get_floats(name);
  return {v.begin(), v.end()};
}

int64_t count_vectors(const graph::Attrs& attrs) {
  int64_t total = 0;
  for (int64_t n : attrs.get_ints("vectors_per_class")) {
    if (n < 0 || n > kMaxElements) fail("vectors_per_class holds {}", n);
    total += n;
  }
  return total;
}

/// Probabilities of k classes from those of all pairs (r[i*k+j]: i rather than j), after Wu, Lin and Weng: minimises
/// the quadratic form Q of their second method by cyclic updates.
void couple(std::span<double> p, std::span<const double> r, std::vector<double>& q) {
  const size_t k = p.size();
  q.assign(k * k + k, 0);
  double* qp = q.data() + k * k;
  for (size_t t = 0; t < k; ++t) {
    p[t] = 1.0 / static_cast<double>(k);
    for (size_t j = 0; j < k; ++j) {
      if (j == t) continue;
      q[t * k + t] += r[j * k + t] * r[j * k + t];
      q[t * k + j] = -r[j * k + t] * r[t * k + j];
    }
  }
  for (size_t round = 0; round < std::max<size_t>(100, k); ++round) {
    double pqp = 0, worst = 0;
    for (size_t t = 0; t < k; ++t) {
      qp[t] = 0;
      for (size_t j = 0; j < k; ++j) qp[t] += q[t * k + j] * p[j];
      pqp += p[t] * qp[t];
    }
    for (size_t t = 0; t < k; ++t) worst = std::max(worst, std::abs(qp[t] - pqp));
    if (worst < 0.005 / static_cast<double>(k)) return;
    for (size_t t = 0; t < k; ++t) {
      const double diff = (pqp - qp[t]) / q[t * k + t], shrink = 1 + diff;
      p[t] += diff;
      pqp = (pqp + diff * (diff * q[t * k + t] + 2 * qp[t])) / (shrink * shrink);
      for (size_t j = 0; j < k; ++j) {
        qp[j] = (qp[j] + diff * q[t * k + j]) / shrink;
        p[j] /= shrink;
      }
    }
  }
}

}  // namespace

SvmMachine::SvmMachine(const graph::Attrs& attrs, int64_t count) : num_vectors(count) {
  const std::string_view type = attrs.get_string("kernel_type", "LINEAR");
  static constexpr std::string_view kTypes[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
  const auto* at = std::find(std::begin(kTypes), std::end(kTypes), type);
  if (at == std::end(kTypes)) fail("kernel_type is \"{}\", expected LINEAR, POLY, RBF or SIGMOID", type);
  shape = count > 0 ? static_cast<Shape>(at - kTypes) : Shape::kLinear;
  const auto p = attrs.get_floats("kernel_params");
  if (!p.empty() && p.size() != 3) fail("kernel_params has {} entries, expected 3", p.size());
  if (!p.empty()) {
    gamma = p[0];
    coef0 = p[1];
    degree = p[2];
  }
  vectors = doubles(attrs, "support_vectors");
  coefficients = doubles(attrs, "coefficients");
  rho = doubles(attrs, "rho");
  if (rho.empty() || coefficients.empty()) fail("rho and coefficients are missing");
  if (count < 0 || (count > 0 && (vectors.empty() || vectors.size() % static_cast<size_t>(count) != 0)))
    fail("{} numbers do not make {} support vectors", vectors.size(), count);
  if (count > 0) features = static_cast<int64_t>(vectors.size()) / count;
}

double SvmMachine::compare(std::span<const double> x, const double* v) const {
  double sum = 0;
  if (shape == Shape::kRbf) {
    for (size_t f = 0; f < x.size(); ++f) sum += (x[f] - v[f]) * (x[f] - v[f]);
    return std::exp(-gamma * sum);
  }
  for (size_t f = 0; f < x.size(); ++f) sum += x[f] * v[f];
  if (shape == Shape::kPoly) return std::pow(gamma * sum + coef0, degree);
  return shape == Shape::kSigmoid ? std::tanh(gamma * sum + coef0) : sum;
}

SvmClassifierModel::SvmClassifierModel(const graph::Attrs& attrs)
    : labels(attrs, "classlabels_ints"),
      machine(attrs, count_vectors(attrs)),
      classes(static_cast<int64_t>(labels.size())),
      transform_(read_transform(attrs)) {
  all_positive_ = *std::min_element(machine.coefficients.begin(), machine.coefficients.end()) >= 0;
  if (linear()) {
    const auto n = static_cast<int64_t>(machine.coefficients.size());
    if (n % classes != 0) fail("{} coefficients do not make {} rows", n, classes);
    machine.features = n / classes;
    return;
  }
  first_ = {0};
  for (int64_t n : attrs.get_ints("vectors_per_class")) first_.push_back(first_.back() + n);
  if (first_.size() != labels.size() + 1)
    fail("vectors_per_class has {} entries, expected {}", first_.size() - 1, classes);
  if (static_cast<int64_t>(machine.coefficients.size()) != std::max<int64_t>(classes - 1, 1) * machine.num_vectors)
    fail("{} coefficients, expected {} for each of {} vectors", machine.coefficients.size(), classes - 1,
         machine.num_vectors);
  const auto need = static_cast<size_t>(pairs());
  if (machine.rho.size() != need && !(need == 0 && machine.rho.size() == 1))
    fail("rho has {} entries, expected {}", machine.rho.size(), need);
  prob_a_ = doubles(attrs, "prob_a");
  prob_b_ = doubles(attrs, "prob_b");
  if ((!prob_a_.empty() && prob_a_.size() != need) || prob_a_.size() != prob_b_.size())
    fail("prob_a and prob_b have {} and {} entries, expected {}", prob_a_.size(), prob_b_.size(), need);
}

int64_t SvmClassifierModel::classify(std::span<const double> x, Work& w) const {
  const auto n = static_cast<size_t>(classes);
  w.kernels.resize(static_cast<size_t>(machine.num_vectors));
  if (linear()) {
    w.scores.clear();
    for (size_t k = 0; k < n; ++k)
      w.scores.push_back(machine.compare(x, machine.coefficients.data() + k * x.size()) + machine.rho[0]);
    w.votes = w.scores;
  } else {
    for (size_t v = 0; v < w.kernels.size(); ++v) w.kernels[v] = machine.against(x, v);
    duel(w);
    if (!prob_a_.empty()) {
      probabilities(w);
      w.scores.assign(n, 0);
      couple(w.scores, w.pairs, w.matrix);
    }
  }
  const int64_t top = best_class(w.votes);
  int64_t best = top;
  if (machine.rho.size() == 1 && n == 2) {
    if (prob_a_.empty() && all_positive_ && w.votes[static_cast<size_t>(top)] >= 0.5) best = 1;
  } else if (n == 1) {
    best = w.votes[0] > 0 ? 0 : -1;
  }
  if (doubled()) w.scores.insert(w.scores.begin(), -w.scores[0]);
  transform_scores(transform_, w.scores);
  return best;
}

void SvmClassifierModel::duel(Work& w) const {
  const auto n = static_cast<size_t>(classes);
  w.votes.assign(n, 0);
  w.scores.clear();
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j) {
      const double s = machine.rho[w.scores.size()] + part(w.kernels, j - 1, i) + part(w.kernels, i, j);
      w.scores.push_back(s);
      ++w.votes[s > 0 ? i : j];
    }
  }
}

double SvmClassifierModel::part(const std::vector<double>& kernels, size_t row, size_t c) const {
  const double* coefficients = machine.coefficients.data() + row * kernels.size();
  double sum = 0;
  for (auto v = static_cast<size_t>(first_[c]); v < static_cast<size_t>(first_[c + 1]); ++v)
    sum += coefficients[v] * kernels[v];
  return sum;
}

void SvmClassifierModel::probabilities(Work& w) const {
  const auto n = static_cast<size_t>(classes);
  w.pairs.assign(n * n, 0);
  size_t at = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j, ++at) {
      const double p = std::clamp(1 / (1 + std::exp(w.scores[at] * prob_a_[at] + prob_b_[at])), 1e-7, 1 - 1e-7);
      w.pairs[i * n + j] = p;
      w.pairs[j * n + i] = 1 - p;
    }
  }
}

}  // namespace tenon::ops
