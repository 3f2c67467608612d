// Normalizer: each row divided by its maximum, its sum of magnitudes or its length; rows whose divisor is 0 stay.
#include <cmath>

#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::normalizer {
namespace {

enum class Norm { kMax, kL1, kL2 };
Norm norm_of(const graph::Attrs& attrs) {
  const std::string_view n = attrs.get_string("norm", "MAX");
  if (n == "MAX") return Norm::kMax;
  if (n == "L1") return Norm::kL1;
  if (n == "L2") return Norm::kL2;
  fail("norm is \"{}\", expected MAX, L1 or L2", n);
}

void infer(InferContext& c) {
  norm_of(c.attrs());
  feature_rows(c, 0);
  ValueType t = c.type(0);
  t.elem = DType::kFloat;
  c.set_type(0, std::move(t));
}

struct Normalizer final : Kernel {
  explicit Normalizer(const NodeInfo& info) : norm(norm_of(info.attrs)) {}
  void run(KernelContext& c) const override {
    const Features x = features(c, 0);
    if (x.columns == 0) return;
    auto* y = c.output(0).out<float>();
    c.par.loop(x.rows, static_cast<double>(x.columns) * 2, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto row = x.row(i);
        double d = norm == Norm::kMax ? row[0] : 0;
        for (double v : row) {
          if (norm == Norm::kMax) {
            d = std::max(d, v);
          } else {
            d += norm == Norm::kL1 ? std::abs(v) : v * v;
          }
        }
        if (norm == Norm::kL2) d = std::sqrt(d);
        for (size_t k = 0; k < row.size(); ++k)
          y[static_cast<size_t>(i) * row.size() + k] = static_cast<float>(d == 0 ? row[k] : row[k] / d);
      }
    });
  }
  Norm norm;
};

constexpr AttrDef kAttrs[] = {string_attr("norm", "MAX")};
constexpr Port kIn[] = {{"X", kFeatureSet}};
constexpr Port kOut[] = {{"Y", kFloat32Set, ""}};
constexpr OpDef kOps[] = {{.name = "Normalizer",
                           .domain = kMl,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Normalizer>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::normalizer
