// MeanVarianceNormalization: (x - mean) / (std + 1e-9) over the given axes.
#include <cmath>

#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::mean_variance_norm {
namespace {

/// For each axis: whether statistics are taken over it. The default is [0, 2, 3].
void read_axes(const graph::Attrs& attrs, size_t rank, int64_t* over) {
  constexpr int64_t kDefault[] = {0, 2, 3};
  const auto given = attrs.get_ints("axes");
  std::fill_n(over, rank, int64_t{0});
  for (int64_t a : given.empty() ? std::span<const int64_t>(kDefault) : given) over[resolve_axis(a, rank)] = 1;
}

void infer(InferContext& c) {
  if (c.has_rank(0)) {
    Dims over(c.rank(0), 0);
    read_axes(c.attrs(), c.rank(0), over.data());
  }
  c.set_type(0, c.type(0));
}

class Kernel final : public FloatMap<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info) : FloatMap(info), attrs_(info.attrs) {}

  template <class T>
  void compute(KernelContext& c, const T* in, T* out) const {
    const TensorRef& x = c.input(0);
    int64_t* over = c.scratch<int64_t>(x.rank + 1);
    read_axes(attrs_, x.rank, over);
    // Group of each element: its index along the axes that are kept.
    int64_t groups = 1;
    int64_t* step = c.scratch<int64_t>(x.rank + 1);
    for (size_t i = x.rank; i-- > 0;) {
      step[i] = over[i] ? 0 : groups;
      groups *= over[i] ? 1 : x.dim[i];
    }
    int64_t* at = c.scratch<int64_t>(x.rank + 1);
    const auto each = [&](auto&& f) {
      std::fill_n(at, x.rank, int64_t{0});
      int64_t group = 0;
      for (int64_t i = 0; i < x.count; ++i) {
        f(i, group);
        for (size_t k = x.rank; k-- > 0;) {
          group += step[k];
          if (++at[k] < x.dim[k]) break;
          group -= step[k] * x.dim[k];
          at[k] = 0;
        }
      }
    };
    double *mean = c.scratch<double>(2 * groups), *var = mean + groups;
    std::fill_n(mean, 2 * groups, 0.0);
    const double count = static_cast<double>(x.count / groups);
    each([&](int64_t i, int64_t g) { mean[g] += static_cast<double>(in[i]); });
    for (int64_t g = 0; g < groups; ++g) mean[g] /= count;
    each([&](int64_t i, int64_t g) {
      var[g] += (static_cast<double>(in[i]) - mean[g]) * (static_cast<double>(in[i]) - mean[g]);
    });
    for (int64_t g = 0; g < groups; ++g) var[g] = 1 / (std::sqrt(var[g] / count) + 1e-9);
    each([&](int64_t i, int64_t g) { out[i] = static_cast<T>((static_cast<double>(in[i]) - mean[g]) * var[g]); });
  }

 private:
  graph::Attrs attrs_;
};

constexpr Port kIn9[] = {{"X", kOldFloatSet}}, kIn13[] = {{"X", kFloatSet}};
constexpr Port kOut9[] = {{"Y", kOldFloatSet}}, kOut13[] = {{"Y", kFloatSet}};
constexpr AttrDef kAttrs[] = {optional_attr("axes", AttrKind::kInts)};
constexpr OpDef kOps[] = {
    {"MeanVarianceNormalization", "", 9, 12, kIn9, kOut9, kAttrs, infer, make<Kernel>},
    {"MeanVarianceNormalization", "", 13, 0, kIn13, kOut13, kAttrs, infer, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::mean_variance_norm
