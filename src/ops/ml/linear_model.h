// The matrix of coefficients that LinearClassifier and LinearRegressor share.
#pragma once
#include "ops/classifier.h"

namespace tenon::ops {

/// The matrix of coefficients: one row per score.
struct LinearModel {
  std::vector<double> coefficients, intercepts;
  int64_t scores = 0, features = 0;

  LinearModel(const graph::Attrs& attrs, int64_t rows) : scores(rows) {
    const auto c = attrs.get_floats("coefficients"), i = attrs.get_floats("intercepts");
    coefficients.assign(c.begin(), c.end());
    intercepts.assign(i.begin(), i.end());
    const auto n = static_cast<int64_t>(coefficients.size());
    if (rows < 1 || n == 0 || n % rows != 0) fail("{} coefficients do not make {} rows", n, rows);
    features = n / rows;
    if (!intercepts.empty() && static_cast<int64_t>(intercepts.size()) != rows)
      fail("{} intercepts, expected {}", intercepts.size(), rows);
  }
  double score(std::span<const double> row, int64_t k) const {
    double sum = intercepts.empty() ? 0 : intercepts[static_cast<size_t>(k)];
    const double* c = coefficients.data() + k * features;
    for (size_t f = 0; f < row.size(); ++f) sum += row[f] * c[f];
    return sum;
  }
};

}  // namespace tenon::ops
