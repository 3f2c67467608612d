// What the normalisations share: scale and bias operands broadcast to the normalised dims, statistics in plain loops.
#pragma once
#include <cmath>

#include "kernels/reduce.h"
#include "kernels/table.h"
#include "kernels/transpose.h"
#include "ops/infer.h"
#include "ops/kernel.h"
#include "ops/staging.h"

namespace tenon::ops {

/// A scale or bias as T: one value per column of the rows (per_row false), or one per element of X.
template <class T>
struct Affine {
  const T* data = nullptr;
  bool per_element = false;
  const T* row(int64_t i, int64_t n) const { return data && per_element ? data + i * n : data; }
};

/// Operand i broadcast (numpy rules, towards X only) for rows that start at `axis` of X.
template <class T>
Affine<T> load_affine(KernelContext& c, size_t i, std::span<const int64_t> x, size_t axis,
                      const kernels::KernelTable& table) {
  if (!c.has_input(i)) return {};
  const TensorRef& t = c.input(i);
  const T* data = load_as<T>(c, t, table);
  size_t lead = 0;  // leading dims of 1 change nothing
  while (lead < t.rank && t.dim[lead] == 1) ++lead;
  const std::span<const int64_t> dims = t.dims().subspan(lead);
  const auto wanted = x.subspan(axis);
  if (dims.size() <= wanted.size() && t.count == extent(x, axis, x.size()) &&
      std::equal(dims.begin(), dims.end(), wanted.end() - static_cast<std::ptrdiff_t>(dims.size())))
    return {data, false};
  // Written out for every element of X: rare, so simple.
  Dims strides(x.size(), 0), out_strides(x.size(), 1);
  int64_t step = 1;
  for (size_t k = 0; k < dims.size(); ++k) {
    const size_t from = dims.size() - 1 - k, at = x.size() - 1 - k;
    strides[at] = dims[from] == 1 ? 0 : step;
    step *= dims[from];
  }
  for (size_t k = x.size(); k-- > 1;) out_strides[k - 1] = out_strides[k] * x[k];
  T* full = c.scratch<T>(extent(x, 0, x.size()));
  kernels::copy_strided(data, strides, full, out_strides, x, sizeof(T), c.par, table);
  return {full, true};
}

/// Throws unless operand i broadcasts to the dims of operand 0.
inline void expect_broadcasts(InferContext& c, size_t i) {
  if (!c.has_rank(i) || !c.has_rank(0)) return;
  const Dims &d = c.dims(i), &x = c.dims(0);
  bool fits = d.size() <= x.size();
  for (size_t k = 0; fits && k < d.size(); ++k) fits = d[k] == 1 || !differ(d[k], x[x.size() - d.size() + k]);
  if (!fits) fail("operand {} is {}, which does not broadcast to {}", i, c.sym.to_string(d), c.sym.to_string(x));
}

/// Mean and 1 / sqrt(var + eps) of n values; centred = false: mean 0 (root mean square).
struct RowStats {
  double mean, inv_std;
};
template <class T>
RowStats row_stats(const T* x, int64_t n, double eps, bool centred) {
  double mean = 0, var = 0;
  if (centred) {
    for (int64_t i = 0; i < n; ++i) mean += static_cast<double>(x[i]);
    mean /= static_cast<double>(n);
  }
  for (int64_t i = 0; i < n; ++i) {
    const double d = static_cast<double>(x[i]) - mean;
    var += d * d;
  }
  return {mean, 1 / std::sqrt(var / static_cast<double>(n) + eps)};
}

}  // namespace tenon::ops
