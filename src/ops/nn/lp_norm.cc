// LpNormalization: x / (sum |x|^p)^(1/p) along one axis, p = 1 or 2; 0 where the norm is 0.
#include <cmath>

#include "kernels/table.h"
#include "ops/infer.h"
#include "ops/move.h"
#include "ops/staging.h"

namespace tenon::ops::lp_norm {
namespace {

int64_t read_p(const graph::Attrs& attrs) {
  const int64_t p = attrs.get_int("p", 2);
  if (p != 1 && p != 2) fail("attribute p: {} found, expected 1 or 2", p);
  return p;
}

void infer(InferContext& c) {
  read_p(c.attrs());
  if (c.has_rank(0)) resolve_axis(c.attrs().get_int("axis", -1), c.rank(0));
  c.set_type(0, c.type(0));
}

class Kernel final : public FloatMap<Kernel> {
 public:
  explicit Kernel(const NodeInfo& info)
      : FloatMap(info), axis_(info.attrs.get_int("axis", -1)), p_(read_p(info.attrs)) {}

  template <class T>
  void compute(KernelContext& c, const T* in, T* out) const {
    const TensorRef& x = c.input(0);
    const size_t axis = static_cast<size_t>(resolve_axis(axis_, x.rank));
    const int64_t n = x.dim[axis], inner = extent(x.dims(), axis + 1, x.rank);
    c.par.loop(x.count / n, 4.0 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t first = r / inner * n * inner + r % inner;
        double norm = 0;
        for (int64_t i = 0; i < n; ++i) {
          const double v = static_cast<double>(in[first + i * inner]);
          norm += p_ == 1 ? std::abs(v) : v * v;
        }
        if (p_ == 2) norm = std::sqrt(norm);
        for (int64_t i = 0; i < n; ++i)
          out[first + i * inner] = norm == 0 ? T{0} : static_cast<T>(static_cast<double>(in[first + i * inner]) / norm);
      }
    });
  }

 private:
  int64_t axis_, p_;
};

constexpr Port kIn1[] = {{"input", kOldFloatSet}}, kIn22[] = {{"input", kFloatSet}};
constexpr Port kOut1[] = {{"output", kOldFloatSet}}, kOut22[] = {{"output", kFloatSet}};
constexpr AttrDef kAttrs[] = {int_attr("axis", -1), int_attr("p", 2)};
constexpr OpDef kOps[] = {
    {"LpNormalization", "", 1, 21, kIn1, kOut1, kAttrs, infer, make<Kernel>},
    {"LpNormalization", "", 22, 0, kIn22, kOut22, kAttrs, infer, make<Kernel>},
};
}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::lp_norm
