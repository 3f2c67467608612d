// Binarizer: 1 where x > threshold, else 0.
#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::binarizer {
namespace {

void infer(InferContext& c) { c.set_type(0, c.type(0)); }

struct Binarizer final : Kernel {
  explicit Binarizer(const NodeInfo& info) : threshold(info.attrs.get_float("threshold", 0)) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    visit<TypeList<float, double, int64_t, int32_t>>(x.dtype, [&]<class T>() {
      for (int64_t i = 0; i < x.count; ++i)
        y.out<T>()[i] = static_cast<double>(x.as<T>()[i]) > static_cast<double>(threshold) ? T{1} : T{0};
    });
  }
  float threshold;
};

constexpr AttrDef kAttrs[] = {float_attr("threshold", 0)};
constexpr Port kIn[] = {{"X", kFeatureSet}};
constexpr Port kOut[] = {{"Y", kFeatureSet}};
constexpr OpDef kOps[] = {{.name = "Binarizer",
                           .domain = kMl,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Binarizer>,
                           .inplace = 1}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::binarizer
