// Hardmax: 1 at the first largest element along the axis, 0 elsewhere; before opset 13 over the input flattened at it.
#include "ops/softmax_axis.h"

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
  explicit Hardmax(const NodeInfo& n) : axis_(n.attrs, n.since) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (x.count == 0) return;
    const SoftmaxRows rows(axis_, x.dims());
    visit<TypeList<float, double, Half, BFloat16>>(x.dtype, [&]<class T>() {
      rows.each(c.par, 2, [&](int64_t at) {
        const T* in = x.as<T>() + at;
        T* out = y.out<T>() + at;
        int64_t best = 0;
        for (int64_t i = 1; i < rows.n; ++i)
          if (value(in[i * rows.inner]) > value(in[best * rows.inner])) best = i;
        for (int64_t i = 0; i < rows.n; ++i) out[i * rows.inner] = i == best ? one<T>() : T{};
      });
    });
  }

 private:
  SoftmaxAxis axis_;
};

constexpr auto kOps = softmax_rows("Hardmax", make<Hardmax>);

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::hardmax
