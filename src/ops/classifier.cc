// Score transforms, labels and feature rows.
#include "ops/classifier.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ops/move.h"

namespace tenon::ops {
namespace {

double logistic(double x) {
  const double v = 1 / (1 + std::exp(-std::abs(x)));
  return x < 0 ? 1 - v : v;
}

/// Winitzki's closed form of the inverse error function, which runtimes agree on.
double inverse_erf(double x) {
  const double inside = (1 - x) * (1 + x);
  if (inside == 0) return 0;
  constexpr double kA = 0.147;
  const double log = std::log(inside), v = 2 / (std::numbers::pi * kA) + log / 2;
  const double root = std::sqrt(std::sqrt(v * v - log / kA) - v);
  return x < 0 ? -root : root;
}

}  // namespace

Features features(KernelContext& c, size_t i) {
  const TensorRef& x = c.input(i);
  Features f;
  f.columns = x.rank == 0 ? 1 : x.dim[x.rank - 1];
  f.rows = x.rank <= 1 ? 1 : extent(x.dims(), 0, x.rank - 1);
  if (x.dtype == DType::kDouble) {
    f.data = x.as<double>();
    return f;
  }
  auto* out = c.scratch<double>(x.count);
  visit<TypeList<float, int64_t, int32_t, Half>>(x.dtype, [&]<class T>() {
    if constexpr (std::is_same_v<T, Half>)
      std::transform(x.as<T>(), x.as<T>() + x.count, out, [](Half h) { return static_cast<double>(to_float(h)); });
    else
      std::copy_n(x.as<T>(), x.count, out);
  });
  f.data = out;
  return f;
}

int64_t feature_rows(InferContext& c, size_t i) {
  if (!c.has_rank(i)) return c.fresh();
  if (c.rank(i) != 1 && c.rank(i) != 2) fail("input {} has rank {}, expected [N, F] or [F]", i, c.rank(i));
  return c.rank(i) == 1 ? 1 : c.dims(i)[0];
}

void check_columns(const Features& x, int64_t expected) {
  if (x.columns != expected && x.rows > 0) fail("rows have {} features, expected {}", x.columns, expected);
}

Transform read_transform(const graph::Attrs& attrs) {
  const std::string_view name = attrs.get_string("post_transform", "NONE");
  if (name == "NONE") return Transform::kNone;
  if (name == "SOFTMAX") return Transform::kSoftmax;
  if (name == "LOGISTIC") return Transform::kLogistic;
  if (name == "SOFTMAX_ZERO") return Transform::kSoftmaxZero;
  if (name == "PROBIT") return Transform::kProbit;
  fail("post_transform is \"{}\", expected NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO or PROBIT", name);
}

void transform_scores(Transform t, std::span<double> scores) {
  if (scores.empty()) return;
  switch (t) {
    case Transform::kNone:
      return;
    case Transform::kLogistic:
      for (double& s : scores) s = logistic(s);
      return;
    case Transform::kProbit:
      for (double& s : scores) s = std::numbers::sqrt2 * inverse_erf(2 * s - 1);
      return;
    case Transform::kSoftmax:
    case Transform::kSoftmaxZero: {
      const double top = *std::max_element(scores.begin(), scores.end());
      double sum = 0;
      for (double& s : scores) {  // SOFTMAX_ZERO leaves scores of zero at zero
        const bool zero = t == Transform::kSoftmaxZero && std::abs(s) <= 1e-7;
        s = zero ? s * std::exp(-top) : std::exp(s - top);
        sum += s;
      }
      for (double& s : scores) s = sum == 0 ? 0.5 : s / sum;
      return;
    }
  }
}

ClassLabels::ClassLabels(const graph::Attrs& attrs, std::string_view ints_name, std::string_view strings_name) {
  const auto i = attrs.get_ints(ints_name);
  const auto s = attrs.get_strings(strings_name);
  if (i.empty() == s.empty())
    fail("expected one of the attributes {} and {}, with at least one label", ints_name, strings_name);
  ints.assign(i.begin(), i.end());
  strings.assign(s.begin(), s.end());
}

void ClassLabels::write(const TensorRef& y, int64_t i, int64_t k) const {
  if (strings.empty()) {
    y.out<int64_t>()[i] = k < 0 ? 0 : ints[static_cast<size_t>(k)];
  } else {
    y.out<std::string>()[i] = k < 0 ? std::string() : strings[static_cast<size_t>(k)];
  }
}

void infer_classifier(InferContext& c, const ClassLabels& labels, int64_t columns) {
  const int64_t n = feature_rows(c, 0);
  c.set(0, labels.type(), {n});
  c.set(1, DType::kFloat, {n, columns});
}

void write_row(KernelContext& c, const ClassLabels& labels, int64_t i, int64_t best, std::span<const double> scores) {
  if (c.has_output(0)) labels.write(c.output(0), i, best);
  if (c.has_output(1)) write_scores(c.output(1), i, scores);
}

void write_scores(const TensorRef& y, int64_t i, std::span<const double> scores) {
  std::transform(scores.begin(), scores.end(), y.out<float>() + i * static_cast<int64_t>(scores.size()),
                 [](double s) { return static_cast<float>(s); });
}

int64_t best_class(std::span<const double> scores) {
  return std::max_element(scores.begin(), scores.end()) - scores.begin();
}

std::vector<double> tensor_numbers(const Value& v) {
  std::vector<double> out;
  const TensorRef t = ref_of(v);
  for (int64_t i = 0; i < t.count; ++i) out.push_back(number_at(t, i));
  return out;
}

std::vector<double> number_list(const graph::Attrs& attrs, const std::string& name) {
  const auto floats = attrs.get_floats(name);
  const Value* tensor = attrs.get_tensor(name + "_as_tensor");
  if (!floats.empty() && tensor && tensor->count() > 0) fail("both {} and {}_as_tensor are there", name, name);
  if (tensor && tensor->count() > 0) return tensor_numbers(*tensor);
  return {floats.begin(), floats.end()};
}

}  // namespace tenon::ops
