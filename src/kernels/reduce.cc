// Reductions over any axes: dims are merged to kept and reduced groups, then rows or columns are folded.
#include "kernels/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "kernels/table.h"

namespace tenon::kernels {
namespace {

constexpr size_t kMaxGroups = 16;
constexpr int64_t kPart = 1 << 16;  // values of a long row folded by one task
constexpr int64_t kMaxParts = 256;
constexpr float kInf = std::numeric_limits<float>::infinity();

Fold fold_of(Reduce op) {
  switch (op) {
    case Reduce::kMax:
      return Fold::kMax;
    case Reduce::kMin:
      return Fold::kMin;
    case Reduce::kProd:
      return Fold::kProduct;
    case Reduce::kSumSquare:
    case Reduce::kL2:
      return Fold::kSquares;
    case Reduce::kL1:
      return Fold::kMagnitudes;
    default:
      return Fold::kSum;
  }
}

double join(Fold f, double a, double b) {
  switch (f) {
    case Fold::kProduct:
      return a * b;
    case Fold::kMax:
      return a != a ? a : std::max(b, a);  // in this order NaN wins
    case Fold::kMin:
      return a != a ? a : std::min(b, a);
    default:
      return a + b;
  }
}
double neutral(Fold f) {
  switch (f) {
    case Fold::kProduct:
      return 1;
    case Fold::kMax:
      return -kInf;
    case Fold::kMin:
      return kInf;
    default:
      return 0;
  }
}

// Alternating groups of kept and reduced dims, each with its size and the stride of x.
struct Groups {
  struct Group {
    int64_t size, stride;
  };
  Group kept[kMaxGroups], folded[kMaxGroups];
  size_t kept_count = 0, folded_count = 0;
  int64_t outputs = 1, count = 1;  // of kept and of folded values
  bool rows = true;                // the innermost group is folded: contiguous rows

  Groups(std::span<const int64_t> dims, std::span<const bool> reduced) {
    if (dims.size() > kMaxGroups)
      fail(ErrorCode::kNotImplemented, "a reduction of rank {}: expected at most {}", dims.size(), kMaxGroups);
    int64_t stride = 1;
    int previous = -1;
    for (size_t d = dims.size(); d-- > 0;) {  // innermost group first
      (reduced[d] ? count : outputs) *= dims[d];
      if (dims[d] == 1) continue;
      Group* list = reduced[d] ? folded : kept;
      size_t& n = reduced[d] ? folded_count : kept_count;
      if (previous == static_cast<int>(reduced[d])) {
        list[n - 1].size *= dims[d];
      } else {
        if (previous < 0) rows = reduced[d];
        list[n++] = {dims[d], stride};
        previous = reduced[d];
      }
      stride *= dims[d];
    }
  }
  // Offset of combination i of groups [from, n).
  static int64_t offset(const Group* list, size_t from, size_t n, int64_t i) {
    int64_t at = 0;
    for (size_t g = from; g < n; ++g) {
      at += i % list[g].size * list[g].stride;
      i /= list[g].size;
    }
    return at;
  }
};

float finish(Reduce op, double v, int64_t count) {
  switch (op) {
    case Reduce::kMean:
      return static_cast<float>(v / static_cast<double>(count));
    case Reduce::kL2:
      return static_cast<float>(std::sqrt(v));
    case Reduce::kLogSum:
      return static_cast<float>(std::log(v));
    default:
      return static_cast<float>(v);
  }
}

// log(sum of exp(x - top)) + top; a top of +-infinity is the answer itself, NaN wins.
float log_sum_exp(double sum, float top) { return std::isfinite(top) ? static_cast<float>(std::log(sum) + top) : top; }

class Reduction {
 public:
  Reduction(Reduce op, const float* x, float* y, const Groups& g, const KernelTable& t)
      : op_(op), fold_(fold_of(op)), x_(x), y_(y), g_(g), k_(*t.reduce) {}

  void fold_rows_to(int64_t o) const {
    const float* x = x_ + Groups::offset(g_.kept, 0, g_.kept_count, o);
    const int64_t n = g_.folded_count ? g_.folded[0].size : 1, rows = g_.count / n;
    auto at = [&](int64_t r) { return x + Groups::offset(g_.folded, 1, g_.folded_count, r); };
    if (op_ == Reduce::kLogSumExp) {
      double top = -kInf, sum = 0;
      for (int64_t r = 0; r < rows; ++r) top = join(Fold::kMax, top, k_.fold[static_cast<int>(Fold::kMax)](at(r), n));
      for (int64_t r = 0; r < rows && std::isfinite(top); ++r)
        sum += k_.exp_sum(at(r), nullptr, n, static_cast<float>(top));
      y_[o] = log_sum_exp(sum, static_cast<float>(top));
      return;
    }
    double v = neutral(fold_);
    for (int64_t r = 0; r < rows; ++r) v = join(fold_, v, k_.fold[static_cast<int>(fold_)](at(r), n));
    y_[o] = finish(op_, v, g_.count);
  }

  // Columns [j, j + n) of output row `o` of kept[0].size values.
  void fold_columns_to(int64_t o, int64_t j, int64_t n) const {
    const float* x = x_ + Groups::offset(g_.kept, 1, g_.kept_count, o) + j;
    float* y = y_ + o * g_.kept[0].size + j;
    const int64_t rows = g_.folded_count ? g_.folded[0].size : 1,
                  stride = g_.folded_count ? g_.folded[0].stride : 0;  // tuning: one row has no stride
    const int64_t slabs = g_.count / rows;
    auto at = [&](int64_t s) { return x + Groups::offset(g_.folded, 1, g_.folded_count, s); };
    const Fold f = op_ == Reduce::kLogSumExp ? Fold::kMax : fold_;
    for (int64_t s = 0; s < slabs; ++s) k_.fold_rows[static_cast<int>(f)](at(s), rows, stride, n, y, s > 0);
    if (op_ == Reduce::kLogSumExp) {
      float top[kFoldColumns], sum[kFoldColumns];
      for (int64_t i = 0; i < n; ++i) top[i] = std::isfinite(y[i]) ? y[i] : 0.f;
      for (int64_t s = 0; s < slabs; ++s) k_.exp_sum_rows(at(s), rows, stride, n, top, sum, s > 0);
      for (int64_t i = 0; i < n; ++i) y[i] = log_sum_exp(sum[i], y[i]);
      return;
    }
    if (op_ == Reduce::kMean || op_ == Reduce::kL2 || op_ == Reduce::kLogSum)
      for (int64_t i = 0; i < n; ++i) y[i] = finish(op_, y[i], g_.count);
  }

  // One output from one long row: parts of fixed size, joined in order.
  void fold_parts(const Parallel& par) const {
    const int64_t n = g_.folded[0].size, part = std::max(kPart, (n + kMaxParts - 1) / kMaxParts);  // tuning
    const int64_t parts = (n + part - 1) / part;
    double value[kMaxParts];
    auto run = [&](auto&& f) {
      par.loop(parts, static_cast<double>(part) * 0.1, [&](int64_t p0, int64_t p1) {
        for (int64_t p = p0; p < p1; ++p) value[p] = f(x_ + p * part, std::min(part, n - p * part));
      });
    };
    auto joined = [&](Fold f) {
      double v = neutral(f);
      for (int64_t p = 0; p < parts; ++p) v = join(f, v, value[p]);
      return v;
    };
    if (op_ != Reduce::kLogSumExp) {
      run(k_.fold[static_cast<int>(fold_)]);
      y_[0] = finish(op_, joined(fold_), n);
      return;
    }
    run(k_.fold[static_cast<int>(Fold::kMax)]);
    const float top = static_cast<float>(joined(Fold::kMax));
    if (std::isfinite(top)) run([&](const float* x, int64_t c) -> double { return k_.exp_sum(x, nullptr, c, top); });
    y_[0] = log_sum_exp(joined(Fold::kSum), top);
  }

 private:
  Reduce op_;
  Fold fold_;
  const float* x_;
  float* y_;
  const Groups& g_;
  const ReduceKernels& k_;
};

float empty_value(Reduce op) {
  switch (op) {
    case Reduce::kMax:
    case Reduce::kLogSum:
    case Reduce::kLogSumExp:
      return -kInf;
    case Reduce::kMin:
      return kInf;
    case Reduce::kProd:
      return 1;
    case Reduce::kMean:
      return std::numeric_limits<float>::quiet_NaN();
    default:
      return 0;
  }
}

}  // namespace

void reduce(Reduce op, const float* x, std::span<const int64_t> dims, std::span<const bool> reduced, float* y,
            const Parallel& par, const KernelTable& table) {
  const Groups g(dims, reduced);
  if (g.outputs == 0) return;
  if (g.count == 0) {
    std::fill(y, y + g.outputs, empty_value(op));
    return;
  }
  const Reduction r(op, x, y, g, table);
  const double cost = static_cast<double>(g.count) * (op == Reduce::kLogSumExp ? 1.0 : 0.1);
  if (g.rows) {
    if (g.outputs == 1 && g.folded_count == 1 && g.count > kPart) return r.fold_parts(par);  // tuning: choice of path
    return par.loop(g.outputs, cost + 5, [&](int64_t o0, int64_t o1) {
      for (int64_t o = o0; o < o1; ++o) r.fold_rows_to(o);
    });
  }
  const int64_t n = g.kept[0].size, strips = (n + kFoldColumns - 1) / kFoldColumns;
  par.loop(g.outputs / n * strips, cost * static_cast<double>(std::min(n, kFoldColumns)), [&](int64_t t0, int64_t t1) {
    for (int64_t t = t0; t < t1; ++t) {
      const int64_t j = t % strips * kFoldColumns;
      r.fold_columns_to(t / strips, j, std::min(kFoldColumns, n - j));
    }
  });
}

}  // namespace tenon::kernels
