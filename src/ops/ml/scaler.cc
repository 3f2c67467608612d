// Scaler: (x - offset) · scale per feature.
#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::scaler {
namespace {

void infer(InferContext& c) {
  ValueType t = c.type(0);
  t.elem = DType::kFloat;
  c.set_type(0, std::move(t));
}

struct Scaler final : Kernel {
  explicit Scaler(const NodeInfo& info) {
    const auto o = info.attrs.get_floats("offset"), s = info.attrs.get_floats("scale");
    if (o.empty() || s.empty()) fail("offset and scale are missing");
    offset.assign(o.begin(), o.end());
    scale.assign(s.begin(), s.end());
  }
  void run(KernelContext& c) const override {
    const Features x = features(c, 0);
    const auto fits = [&](size_t n) { return n == 1 || static_cast<int64_t>(n) == x.columns; };
    if (!fits(offset.size()) || !fits(scale.size()))
      fail("{} offsets and {} scales for {} features", offset.size(), scale.size(), x.columns);
    auto* y = c.output(0).out<float>();
    c.par.loop(x.rows, static_cast<double>(x.columns), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * x.columns; i < end * x.columns; ++i) {
        const auto k = static_cast<size_t>(i % x.columns);
        y[i] = static_cast<float>((x.data[i] - offset[offset.size() == 1 ? 0 : k]) * scale[scale.size() == 1 ? 0 : k]);
      }
    });
  }
  std::vector<double> offset, scale;
};

constexpr AttrDef kAttrs[] = {optional_attr("offset", AttrKind::kFloats), optional_attr("scale", AttrKind::kFloats)};
constexpr Port kIn[] = {{"X", kFeatureSet}};
constexpr Port kOut[] = {{"Y", kFloat32Set, ""}};
constexpr OpDef kOps[] = {{.name = "Scaler",
                           .domain = kMl,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Scaler>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::scaler
