// SVMClassifier and SVMRegressor: kernel functions against support vectors; one-vs-one votes and Platt probabilities.
#include <cmath>
#include <numeric>

#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::svm_classifier {
namespace {

enum class Shape { kLinear, kPoly, kRbf, kSigmoid };

/// Support vectors and the function that compares a row with one; without vectors a linear model.
struct Machine {
  Shape shape = Shape::kLinear;
  double gamma = 0, coef0 = 0, degree = 0;
  std::vector<double> vectors, coefficients, rho;
  int64_t num_vectors = 0, features = 0;

  Machine(const graph::Attrs& attrs, int64_t count) : num_vectors(count) {
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
    const auto copy = [&](const char* name) {
      const auto v = attrs.get_floats(name);
      return std::vector<double>(v.begin(), v.end());
    };
    vectors = copy("support_vectors");
    coefficients = copy("coefficients");
    rho = copy("rho");
    if (rho.empty() || coefficients.empty()) fail("rho and coefficients are missing");
    if (count < 0 || (count > 0 && (vectors.empty() || vectors.size() % static_cast<size_t>(count) != 0)))
      fail("{} numbers do not make {} support vectors", vectors.size(), count);
    if (count > 0) features = static_cast<int64_t>(vectors.size()) / count;
  }
  double compare(std::span<const double> x, const double* v) const {
    double sum = 0;
    if (shape == Shape::kRbf) {
      for (size_t f = 0; f < x.size(); ++f) sum += (x[f] - v[f]) * (x[f] - v[f]);
      return std::exp(-gamma * sum);
    }
    for (size_t f = 0; f < x.size(); ++f) sum += x[f] * v[f];
    if (shape == Shape::kPoly) return std::pow(gamma * sum + coef0, degree);
    return shape == Shape::kSigmoid ? std::tanh(gamma * sum + coef0) : sum;
  }
  void check(const Features& x) const {
    if (x.columns != features && x.rows > 0) fail("rows have {} features, expected {}", x.columns, features);
  }
};

ClassLabels labels_of(const graph::Attrs& attrs) { return {attrs, "classlabels_ints", "classlabels_strings"}; }

/// Everything about a classifier that its attributes say.
struct Model {
  ClassLabels labels;
  std::vector<int64_t> per_class, first;  ///< support vectors of each class: how many, from where
  Machine machine;
  std::vector<double> prob_a, prob_b;
  Transform transform;
  int64_t classes;
  bool all_positive;

  explicit Model(const graph::Attrs& attrs)
      : labels(labels_of(attrs)),
        per_class(counts(attrs)),
        machine(attrs, std::accumulate(per_class.begin(), per_class.end(), int64_t{0})),
        transform(parse_transform(attrs.get_string("post_transform", "NONE"))),
        classes(static_cast<int64_t>(labels.size())) {
    all_positive = *std::min_element(machine.coefficients.begin(), machine.coefficients.end()) >= 0;
    int64_t at = 0;
    for (int64_t n : per_class) {
      first.push_back(at);
      at += n;
    }
    const auto a = attrs.get_floats("prob_a"), b = attrs.get_floats("prob_b");
    if (linear()) {
      const auto n = static_cast<int64_t>(machine.coefficients.size());
      if (n % classes != 0) fail("{} coefficients do not make {} rows", n, classes);
      machine.features = n / classes;
      return;
    }
    if (static_cast<int64_t>(per_class.size()) != classes)
      fail("vectors_per_class has {} entries, expected {}", per_class.size(), classes);
    if (static_cast<int64_t>(machine.coefficients.size()) != std::max<int64_t>(classes - 1, 1) * machine.num_vectors)
      fail("{} coefficients, expected {} for each of {} vectors", machine.coefficients.size(), classes - 1,
           machine.num_vectors);
    const auto need = static_cast<size_t>(pairs());
    if (machine.rho.size() != need && !(need == 0 && machine.rho.size() == 1))
      fail("rho has {} entries, expected {}", machine.rho.size(), need);
    prob_a.assign(a.begin(), a.end());
    prob_b.assign(b.begin(), b.end());
    if ((!prob_a.empty() && prob_a.size() != need) || prob_a.size() != prob_b.size())
      fail("prob_a and prob_b have {} and {} entries, expected {}", prob_a.size(), prob_b.size(), need);
  }
  static std::vector<int64_t> counts(const graph::Attrs& attrs) {
    const auto v = attrs.get_ints("vectors_per_class");
    for (int64_t n : v)
      if (n < 0 || n > kMaxElements) fail("vectors_per_class holds {}", n);
    return {v.begin(), v.end()};
  }
  bool linear() const { return machine.num_vectors == 0; }
  int64_t pairs() const { return classes * (classes - 1) / 2; }
  /// Scores before the last step: per class, or per pair of classes.
  int64_t raw_scores() const { return linear() || !prob_a.empty() ? classes : pairs(); }
  /// A single score of two classes becomes two.
  bool doubled() const { return raw_scores() == 1 && classes == 2 && machine.rho.size() == 1; }
  int64_t columns() const { return doubled() ? 2 : raw_scores(); }
};

void infer_classifier(InferContext& c) {
  const Model m(c.attrs());
  const int64_t n = feature_rows(c, 0);
  c.set(0, m.labels.type(), {n});
  c.set(1, DType::kFloat, {n, m.columns()});
}
void infer_regressor(InferContext& c) { c.set(0, DType::kFloat, {feature_rows(c, 0), 1}); }

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

struct Classifier final : Kernel {
  explicit Classifier(const NodeInfo& info) : m(info.attrs) {}

  void run(KernelContext& c) const override {
    const Features x = features(c, 0);
    m.machine.check(x);
    const double cost = static_cast<double>((m.machine.num_vectors + m.classes) * (m.machine.features + 10));
    c.par.loop(x.rows, cost, [&](int64_t begin, int64_t end) {
      std::vector<double> kernels(static_cast<size_t>(m.machine.num_vectors)), votes, scores, pairs, work;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t best = row(x.row(i), kernels, votes, scores, pairs, work);
        if (c.has_output(0)) m.labels.write(c.output(0), i, best);
        if (!c.has_output(1)) continue;
        for (size_t k = 0; k < scores.size(); ++k)
          c.output(1).out<float>()[static_cast<size_t>(i) * scores.size() + k] = static_cast<float>(scores[k]);
      }
    });
  }

  int64_t row(std::span<const double> x, std::vector<double>& kernels, std::vector<double>& votes,
              std::vector<double>& scores, std::vector<double>& pairs, std::vector<double>& work) const {
    const auto n = static_cast<size_t>(m.classes);
    if (m.linear()) {
      scores.clear();
      for (size_t k = 0; k < n; ++k)
        scores.push_back(m.machine.compare(x, m.machine.coefficients.data() + k * x.size()) + m.machine.rho[0]);
      votes = scores;
    } else {
      for (size_t v = 0; v < kernels.size(); ++v)
        kernels[v] = m.machine.compare(x, m.machine.vectors.data() + v * x.size());
      duel(kernels, votes, scores);
      if (!m.prob_a.empty()) {
        probabilities(scores, pairs);
        scores.assign(n, 0);
        couple(scores, pairs, work);
      }
    }
    const int64_t top = best_class(votes);
    int64_t best = top;
    if (m.machine.rho.size() == 1 && n == 2) {
      if (m.prob_a.empty() && m.all_positive && votes[static_cast<size_t>(top)] >= 0.5) best = 1;
    } else if (n == 1) {
      best = votes[0] > 0 ? 0 : -1;
    }
    if (m.doubled()) scores.insert(scores.begin(), -scores[0]);
    transform_scores(m.transform, scores);
    return best;
  }

  /// One score per pair of classes, from the support vectors of both; the winner of each pair gets a vote.
  void duel(const std::vector<double>& kernels, std::vector<double>& votes, std::vector<double>& scores) const {
    const auto n = static_cast<size_t>(m.classes);
    votes.assign(n, 0);
    scores.clear();
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = i + 1; j < n; ++j) {
        const double s = m.machine.rho[scores.size()] + part(kernels, j - 1, i) + part(kernels, i, j);
        scores.push_back(s);
        ++votes[s > 0 ? i : j];
      }
    }
  }
  double part(const std::vector<double>& kernels, size_t row, size_t c) const {
    const auto first = static_cast<size_t>(m.first[c]);
    const double* coefficients = m.machine.coefficients.data() + row * kernels.size();
    double sum = 0;
    for (size_t v = first; v < first + static_cast<size_t>(m.per_class[c]); ++v) sum += coefficients[v] * kernels[v];
    return sum;
  }
  void probabilities(const std::vector<double>& scores, std::vector<double>& pairs) const {
    const auto n = static_cast<size_t>(m.classes);
    pairs.assign(n * n, 0);
    size_t at = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = i + 1; j < n; ++j, ++at) {
        const double p = std::clamp(1 / (1 + std::exp(scores[at] * m.prob_a[at] + m.prob_b[at])), 1e-7, 1 - 1e-7);
        pairs[i * n + j] = p;
        pairs[j * n + i] = 1 - p;
      }
    }
  }
  Model m;
};

struct Regressor final : Kernel {
  explicit Regressor(const NodeInfo& info)
      : machine(info.attrs, info.attrs.get_int("n_supports", 0)),
        transform(parse_transform(info.attrs.get_string("post_transform", "NONE"))),
        one_class(info.attrs.get_int("one_class", 0) != 0) {
    const auto n = static_cast<int64_t>(machine.coefficients.size());
    if (machine.num_vectors == 0) machine.features = n;
    if (machine.num_vectors > 0 && n != machine.num_vectors)
      fail("{} coefficients for {} support vectors", n, machine.num_vectors);
  }
  void run(KernelContext& c) const override {
    const Features x = features(c, 0);
    machine.check(x);
    c.par.loop(x.rows, static_cast<double>((machine.num_vectors + 1) * (machine.features + 10)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i)
                   c.output(0).out<float>()[i] = static_cast<float>(value(x.row(i)));
               });
  }
  double value(std::span<const double> x) const {
    double sum = machine.rho[0];
    if (machine.num_vectors == 0) {
      sum += machine.compare(x, machine.coefficients.data());
    } else {
      for (size_t v = 0; v < static_cast<size_t>(machine.num_vectors); ++v)
        sum += machine.coefficients[v] * machine.compare(x, machine.vectors.data() + v * x.size());
    }
    if (one_class) return sum > 0 ? 1 : -1;
    transform_scores(transform, {&sum, 1});
    return sum;
  }
  Machine machine;
  Transform transform;
  bool one_class;
};

constexpr AttrDef kAttrs[] = {optional_attr("classlabels_ints", AttrKind::kInts),
                              optional_attr("classlabels_strings", AttrKind::kStrings),
                              optional_attr("coefficients", AttrKind::kFloats),
                              optional_attr("kernel_params", AttrKind::kFloats),
                              string_attr("kernel_type", "LINEAR"),
                              string_attr("post_transform", "NONE"),
                              optional_attr("prob_a", AttrKind::kFloats),
                              optional_attr("prob_b", AttrKind::kFloats),
                              optional_attr("rho", AttrKind::kFloats),
                              optional_attr("support_vectors", AttrKind::kFloats),
                              optional_attr("vectors_per_class", AttrKind::kInts)};
constexpr AttrDef kAttrsRegressor[] = {optional_attr("coefficients", AttrKind::kFloats),
                                       optional_attr("kernel_params", AttrKind::kFloats),
                                       string_attr("kernel_type", "LINEAR"),
                                       int_attr("n_supports", 0),
                                       int_attr("one_class", 0),
                                       string_attr("post_transform", "NONE"),
                                       optional_attr("rho", AttrKind::kFloats),
                                       optional_attr("support_vectors", AttrKind::kFloats)};
constexpr Port kIn[] = {{"X", kFeatureSet, "T1"}};
constexpr Port kOut[] = {{"Y", kLabelSet, "T2"}, {"Z", kFloat32Set, ""}};
constexpr Port kInRegressor[] = {{"X", kFeatureSet}};
constexpr Port kOutRegressor[] = {{"Y", kFloat32Set, ""}};
constexpr OpDef kOps[] = {
    {.name = "SVMClassifier",
     .domain = kMl,
     .inputs = kIn,
     .outputs = kOut,
     .attrs = kAttrs,
     .infer = infer_classifier,
     .make = make<Classifier>},
    {.name = "SVMRegressor",
     .domain = kMl,
     .inputs = kInRegressor,
     .outputs = kOutRegressor,
     .attrs = kAttrsRegressor,
     .infer = infer_regressor,
     .make = make<Regressor>},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::svm_classifier
