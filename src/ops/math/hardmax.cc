// Hardmax: 1 at the first largest element along the axis, 0 elsewhere; before opset 13 over the input flattened at it.
#include <algorithm>

#include "ops/map_rows.h"

namespace tenon::ops::hardmax {
namespace {

template <class T>
double value(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return x;
  else
    return to_float(x);
}
template <class T>
T one() {
  if constexpr (std::is_floating_point_v<T>)
    return 1;
  else if constexpr (std::is_same_v<T, Half>)
    return to_half(1);
  else
    return to_bfloat16(1);
}

class Hardmax final : public Kernel {
 public:
  explicit Hardmax(const NodeInfo& n) : flatten_(n.since < 13), axis_(n.attrs.get_int("axis", flatten_ ? 1 : -1)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (x.count == 0) return;
    const size_t at = flatten_ && axis_ == x.rank ? x.rank : static_cast<size_t>(resolve_axis(axis_, x.rank));
    const int64_t outer = extent(x.dims(), 0, at), axis = flatten_ ? extent(x.dims(), at, x.rank) : x.dim[at],
                  inner = flatten_ ? 1 : extent(x.dims(), at + 1, x.rank);
    visit<TypeList<float, double, Half, BFloat16>>(x.dtype, [&]<class T>() {
      c.par.loop(outer * inner, 2.0 * static_cast<double>(axis), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t offset = r / inner * axis * inner + r % inner;
          const T* in = x.as<T>() + offset;
          T* out = y.out<T>() + offset;
          int64_t best = 0;
          for (int64_t i = 1; i < axis; ++i)
            if (value(in[i * inner]) > value(in[best * inner])) best = i;
          for (int64_t i = 0; i < axis; ++i) out[i * inner] = i == best ? one<T>() : T{};
        }
      });
    });
  }

 private:
  bool flatten_;
  int64_t axis_;
};

void infer(InferContext& c) {
  infer_like(c);
  if (!c.has_rank(0)) return;
  const bool flatten = c.since() < 13;
  const int64_t axis = c.attrs().get_int("axis", flatten ? 1 : -1);
  if (!flatten || axis != static_cast<int64_t>(c.rank(0))) resolve_axis(axis, c.rank(0));
}

constexpr AttrDef kOldAxis[] = {int_attr("axis", 1)};
constexpr AttrDef kAxis[] = {int_attr("axis", -1)};
constexpr auto kKernel = Lowering::kKernel;
constexpr OpDef kOps[] = {
    {"Hardmax", "", 1, 10, kInput<kOldFloatSet>, kOutput<kOldFloatSet>, kOldAxis, infer, make<Hardmax>, kKernel, 1},
    {"Hardmax", "", 11, 12, kInput<kOldFloatSet>, kOutput<kOldFloatSet>, kOldAxis, infer, make<Hardmax>, kKernel, 1},
    {"Hardmax", "", 13, 0, kInput<kFloatSet>, kOutput<kFloatSet>, kAxis, infer, make<Hardmax>, kKernel, 1},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::hardmax
