// Softmax, arg max and normalisation: rows, or strips of columns, spread over threads.
#include <algorithm>

#include "kernels/reduce.h"
#include "kernels/table.h"

namespace tenon::kernels {
namespace {

// f(x offset, columns) over [outer, axis, inner] in strips of columns.
template <class F>
void each_strip(int64_t outer, int64_t axis, int64_t inner, double cost, const Parallel& par, const F& f) {
  const int64_t strips = (inner + kFoldColumns - 1) / kFoldColumns;
  par.loop(outer * strips, cost * static_cast<double>(axis * std::min(inner, kFoldColumns)),
           [&](int64_t t0, int64_t t1) {
             for (int64_t t = t0; t < t1; ++t) {
               const int64_t j = t % strips * kFoldColumns;
               f(t / strips, j, std::min(kFoldColumns, inner - j));
             }
           });
}

void norm(const NormArgs& a, NormStats (*row)(const NormRow&), bool centred, const Parallel& par) {
  par.loop(a.rows, static_cast<double>(a.n) * 0.2 + 10, [&](int64_t r0, int64_t r1) {
    for (int64_t r = r0; r < r1; ++r) {
      NormRow n;
      n.x = a.x + r * a.n;
      if (a.skip) n.skip = a.skip + (a.skip_rows ? r % a.skip_rows : r) * a.n;
      n.skip_bias = a.skip_bias;
      n.scale = a.scale;
      n.bias = a.bias;
      n.y = a.y + r * a.n;
      if (a.sum) n.sum = a.sum + r * a.n;
      n.n = a.n;
      n.eps = a.eps;
      const NormStats s = row(n);
      if (a.mean && centred) a.mean[r] = s.mean;
      if (a.inv_std) a.inv_std[r] = s.inv_std;
    }
  });
}

}  // namespace

void softmax(const float* x, float* y, int64_t outer, int64_t axis, int64_t inner, bool log, const Parallel& par,
             const KernelTable& table) {
  const ReduceKernels& k = *table.reduce;
  if (axis == 0) return;
  if (inner == 1)
    return par.loop(outer, static_cast<double>(axis) * 0.5 + 5, [&](int64_t r0, int64_t r1) {
      for (int64_t r = r0; r < r1; ++r) k.softmax_row(x + r * axis, y + r * axis, axis, log);
    });
  each_strip(outer, axis, inner, 0.7, par, [&](int64_t o, int64_t j, int64_t n) {
    const int64_t at = o * axis * inner + j;
    k.softmax_rows(x + at, y + at, axis, inner, n, log);
  });
}

void arg_reduce(const float* x, int64_t* y, int64_t outer, int64_t axis, int64_t inner, bool max, bool last,
                const Parallel& par, const KernelTable& table) {
  const ReduceKernels& k = *table.reduce;
  if (inner == 1)
    return par.loop(outer, static_cast<double>(axis) * 0.2 + 5, [&](int64_t r0, int64_t r1) {
      for (int64_t r = r0; r < r1; ++r) y[r] = k.arg_row(x + r * axis, axis, max, last);
    });
  each_strip(outer, axis, inner, 0.3, par, [&](int64_t o, int64_t j, int64_t n) {
    k.arg_rows(x + o * axis * inner + j, axis, inner, n, max, last, y + o * inner + j);
  });
}

void layer_norm(const NormArgs& args, const Parallel& par, const KernelTable& table) {
  norm(args, table.reduce->layer_norm, true, par);
}
void rms_norm(const NormArgs& args, const Parallel& par, const KernelTable& table) {
  norm(args, table.reduce->rms_norm, false, par);
}

}  // namespace tenon::kernels
