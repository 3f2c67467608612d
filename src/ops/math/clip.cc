// Clip: min(max(x, low), high); the bounds are attributes (opsets 1, 6) or scalar inputs. NaN stays NaN.
#include <limits>

#include "ops/map_rows.h"

namespace tenon::ops::clip {
namespace {

template <class T>
void clip_row(const T* x, T* y, int64_t n, T low, T high) {
  for (int64_t i = 0; i < n; ++i) {
    const T v = x[i] < low ? low : x[i];
    y[i] = v > high ? high : v;
  }
}

class Clip final : public Kernel {
 public:
  explicit Clip(const NodeInfo& n)
      : map_(float_unary_map(DType::kFloat, 0.3, nullptr,
                             kernels::activation_row(kernels::Activation::kClip, kernels::kernels_for(n.isa)))) {
    const DType t = n.dtype(0);
    map_.load = load_as_float(t);
    map_.store = store_from_float(t);
    map_.x_size = map_.y_size = static_cast<uint8_t>(dtype_size(t));
    // From opset 11 on a missing bound is the type's own last finite value; in opset 6 it is float's.
    constexpr double kFloatMax = std::numeric_limits<float>::max(), kInf = std::numeric_limits<double>::infinity();
    const double last = n.since == 1            ? kInf
                        : n.since == 6          ? kFloatMax
                        : t == DType::kDouble   ? std::numeric_limits<double>::max()
                        : t == DType::kFloat16  ? 65504.0
                        : t == DType::kBFloat16 ? 0x1.fep127
                                                : kFloatMax;
    map_.p[0] = n.attrs.has("min") ? n.attrs.get_float("min", 0) : -last;
    map_.p[1] = n.attrs.has("max") ? n.attrs.get_float("max", 0) : last;
  }

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    if (is_single(x.dtype)) {
      UnaryMap map = map_;
      for (size_t i = 1; i <= 2; ++i)
        if (c.has_input(i)) map.p[i - 1] = single(c.input(i));
      map.run(c.par, x.data, c.output(0).data, x.count);
      return;
    }
    visit<Join<TypeList<double>, IntTypes>>(x.dtype, [&]<class T>() {
      constexpr bool kReal = std::is_floating_point_v<T>;
      const T low = c.has_input(1) ? *c.input(1).as<T>()
                    : kReal        ? static_cast<T>(map_.p[0])
                                   : std::numeric_limits<T>::min();
      const T high = c.has_input(2) ? *c.input(2).as<T>()
                     : kReal        ? static_cast<T>(map_.p[1])
                                    : std::numeric_limits<T>::max();
      const T* in = x.as<T>();
      T* out = c.output(0).out<T>();
      c.par.loop(x.count, 0.5, [=](int64_t b, int64_t e) { clip_row(in + b, out + b, e - b, low, high); });
    });
  }

 private:
  static float single(const TensorRef& t) {
    float v = 0;
    if (const ConvertRow load = load_as_float(t.dtype))
      load(t.data, &v, 1);
    else
      v = *t.as<float>();
    return v;
  }
  UnaryMap map_;
};

void infer(InferContext& c) {
  infer_like(c);
  for (size_t i = 1; i <= 2; ++i) {
    if (!c.has_input(i) || !c.has_rank(i)) continue;
    for (int64_t d : c.dims(i))
      if (differ(d, 1)) fail("{} has dims {}, expected a scalar", i == 1 ? "min" : "max", c.sym.to_string(c.dims(i)));
  }
}

constexpr DTypeSet kSet12 = kOldFloatSet | kIntSet;
template <DTypeSet S>
constexpr Port kBounds[] = {{"input", S}, {"min", S, "T", PortUse::kOptional}, {"max", S, "T", PortUse::kOptional}};
constexpr AttrDef kAttrs1[] = {optional_attr("consumed_inputs", AttrKind::kInts),
                               optional_attr("max", AttrKind::kFloat), optional_attr("min", AttrKind::kFloat)};
constexpr double kFloatMax = std::numeric_limits<float>::max();
constexpr AttrDef kAttrs6[] = {float_attr("max", kFloatMax), float_attr("min", -kFloatMax)};
constexpr auto kKernel = Lowering::kKernel;
constexpr OpDef kOps[] = {
    {"Clip", "", 1, 5, kInput<kOldFloatSet>, kOutput<kOldFloatSet>, kAttrs1, infer, make<Clip>, kKernel, 1},
    {"Clip", "", 6, 10, kInput<kOldFloatSet>, kOutput<kOldFloatSet>, kAttrs6, infer, make<Clip>, kKernel, 1},
    {"Clip", "", 11, 11, kBounds<kOldFloatSet>, kOutput<kOldFloatSet>, {}, infer, make<Clip>, kKernel, 1},
    {"Clip", "", 12, 12, kBounds<kSet12>, kOutput<kSet12>, {}, infer, make<Clip>, kKernel, 1},
    {"Clip", "", 13, 0, kBounds<kNumericSet>, kOutput<kNumericSet>, {}, infer, make<Clip>, kKernel, 1},
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::clip
