// The axis of Softmax, LogSoftmax and Hardmax; before opset 13 it flattens the input to two dims.
#pragma once
#include <cmath>

#include "ops/map_rows.h"

namespace tenon::ops {

struct SoftmaxAxis {
  bool flatten;
  int64_t axis;

  SoftmaxAxis(const graph::Attrs& attrs, int since)
      : flatten(since < 13), axis(attrs.get_int("axis", flatten ? 1 : -1)) {}
  /// The checked axis of a tensor of `rank`; the rank itself where that is legal.
  size_t at(size_t rank) const {
    return flatten && axis == static_cast<int64_t>(rank) ? rank : static_cast<size_t>(resolve_axis(axis, rank));
  }
};

/// Rows [outer, n, inner] of a tensor: n elements, `inner` apart.
struct SoftmaxRows {
  int64_t outer, n, inner;

  SoftmaxRows(const SoftmaxAxis& a, std::span<const int64_t> dims) {
    const size_t at = a.at(dims.size());
    outer = extent(dims, 0, at);
    n = a.flatten ? extent(dims, at, dims.size()) : dims[at];
    inner = a.flatten ? 1 : extent(dims, at + 1, dims.size());
  }
  /// f(offset of the row's first element), in parallel; `cost` per element.
  template <class F>
  void each(const Parallel& par, double cost, F&& f) const {
    par.loop(outer * inner, cost * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) f(r / inner * n * inner + r % inner);
    });
  }
};

/// Softmax of x seen as [outer, n, inner] along n; `log`: its logarithm. What kernels::softmax is for float.
inline void softmax_double(const double* x, double* y, int64_t outer, int64_t n, int64_t inner, bool log,
                           const Parallel& par) {
  par.loop(outer * inner, 12 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t at = r / inner * n * inner + r % inner;
      double top = x[at], sum = 0;
      for (int64_t i = at; i < at + n * inner; i += inner) top = x[i] > top || std::isnan(x[i]) ? x[i] : top;
      for (int64_t i = at; i < at + n * inner; i += inner) sum += std::exp(x[i] - top);
      const double shift = log ? std::log(sum) : 0;
      for (int64_t i = at; i < at + n * inner; i += inner) {
        const double d = x[i] - top;
        y[i] = log ? d - shift : std::exp(d) / sum;
      }
    }
  });
}

inline void infer_softmax(InferContext& c) {
  infer_like(c);
  if (c.has_rank(0)) SoftmaxAxis(c.attrs(), c.since()).at(c.rank(0));
}

inline constexpr AttrDef kOldSoftmaxAttrs[] = {int_attr("axis", 1)}, kSoftmaxAttrs[] = {int_attr("axis", -1)};
constexpr std::array<OpDef, 3> softmax_rows(const char* name, MakeKernel make) {
  constexpr auto kKernel = Lowering::kKernel;
  constexpr auto kOld = kOldFloatSet;
  constexpr auto kInfer = infer_softmax;
  return {{{name, "", 1, 10, kInput<kOld>, kOutput<kOld>, kOldSoftmaxAttrs, kInfer, make, kKernel, 1},
           {name, "", 11, 12, kInput<kOld>, kOutput<kOld>, kOldSoftmaxAttrs, kInfer, make, kKernel, 1},
           {name, "", 13, 0, kInput<kFloatSet>, kOutput<kFloatSet>, kSoftmaxAttrs, kInfer, make, kKernel, 1}}};
}

}  // namespace tenon::ops
