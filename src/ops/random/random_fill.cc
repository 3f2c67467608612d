// RandomNormal, RandomUniform and their Like forms: numbers by counter (see ops/random_numbers.h), with `seed`.
#include <cmath>

#include "ops/convert.h"
#include "ops/infer.h"
#include "ops/map_rows.h"
#include "ops/random_numbers.h"

namespace tenon::ops::random_fill {
namespace {

template <bool kNormal>
class RandomFill final : public Kernel {
 public:
  explicit RandomFill(const NodeInfo& n)
      : seed_(n.attrs),
        a_(kNormal ? n.attrs.get_float("mean", 0) : n.attrs.get_float("low", 0)),
        b_(kNormal ? n.attrs.get_float("scale", 1) : n.attrs.get_float("high", 1)) {}

  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    const Philox generator(seed_.next());
    if (y.dtype == DType::kDouble) return fill(c, generator, y.out<double>(), y.count);
    if (y.dtype == DType::kFloat) return fill(c, generator, y.out<float>(), y.count);
    float* values = c.scratch<float>(y.count);
    fill(c, generator, values, y.count);
    Converter(DType::kFloat, y.dtype).run(c.par, values, y.data, y.count);
  }

 private:
  template <class T>
  void fill(KernelContext& c, const Philox& generator, T* y, int64_t n) const {
    const double a = a_, b = b_;
    c.par.loop(n, kNormal ? 30 : 10, [&](int64_t begin, int64_t end) {
      if constexpr (kNormal) {
        generator.normal(begin, end, [&](int64_t i, double z) { y[i] = static_cast<T>(a + b * z); });
      } else {
        generator.uniform(begin, end, [&](int64_t i, double u) {
          const T v = static_cast<T>(a + u * (b - a));
          // Rounding must not reach the open end of the range.
          y[i] = b > a && v >= static_cast<T>(b) ? std::nextafter(static_cast<T>(b), static_cast<T>(a)) : v;
        });
      }
    });
  }

  Seed seed_;
  float a_, b_;
};

void infer(InferContext& c) {
  const DType t = dtype_attr(c.attrs(), "dtype", c.node().def->outputs[0].types, DType::kFloat);
  const std::span<const int64_t> shape = c.attrs().get_ints("shape");
  for (int64_t d : shape)
    if (d < 0) fail("attribute shape is {}, expected dims >= 0", to_string(shape));
  element_count(shape);
  c.set(0, t, Dims(shape));
}
void infer_as_input(InferContext& c) {
  infer_like(c, dtype_attr(c.attrs(), "dtype", c.node().def->outputs[0].types, c.dtype(0)));
}

constexpr DTypeSet kAny1 = kOldFloatSet | kIntSet | kBoolSet | kStringSet | kComplexSet,
                   kAny22 = kAny1 | dtype_bit(DType::kBFloat16);
template <DTypeSet S>
constexpr Port kLikeIn[] = {{"input", S, "T1"}};
template <DTypeSet S>
constexpr Port kLikeOut[] = {{"output", S, "T2"}};
constexpr AttrDef kDtype = int_attr("dtype", 1), kAnyDtype = optional_attr("dtype", AttrKind::kInt),
                  kSeed = optional_attr("seed", AttrKind::kFloat), kShape = required_attr("shape", AttrKind::kInts);
constexpr AttrDef kNormal[] = {kDtype, float_attr("mean", 0), float_attr("scale", 1), kSeed, kShape};
constexpr AttrDef kUniform[] = {kDtype, float_attr("high", 1), float_attr("low", 0), kSeed, kShape};
constexpr AttrDef kNormalLike[] = {kAnyDtype, float_attr("mean", 0), float_attr("scale", 1), kSeed};
constexpr AttrDef kUniformLike[] = {kAnyDtype, float_attr("high", 1), float_attr("low", 0), kSeed};
constexpr std::array<OpDef, 2> rows(const char* name, std::span<const AttrDef> attrs, MakeKernel make) {
  constexpr auto kKernel = Lowering::kKernel;
  return {{{name, "", 1, 21, {}, kOutput<kOldFloatSet>, attrs, infer, make, kKernel, 0, false},
           {name, "", 22, 0, {}, kOutput<kFloatSet>, attrs, infer, make, kKernel, 0, false}}};
}
constexpr std::array<OpDef, 2> like_rows(const char* name, std::span<const AttrDef> attrs, MakeKernel make) {
  constexpr auto kKernel = Lowering::kKernel;
  return {{{name, "", 1, 21, kLikeIn<kAny1>, kLikeOut<kOldFloatSet>, attrs, infer_as_input, make, kKernel, 0, false},
           {name, "", 22, 0, kLikeIn<kAny22>, kLikeOut<kFloatSet>, attrs, infer_as_input, make, kKernel, 0, false}}};
}
constexpr auto kOps = joined(rows("RandomNormal", kNormal, make<RandomFill<true>>),
                             rows("RandomUniform", kUniform, make<RandomFill<false>>),
                             like_rows("RandomNormalLike", kNormalLike, make<RandomFill<true>>),
                             like_rows("RandomUniformLike", kUniformLike, make<RandomFill<false>>));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::random_fill
