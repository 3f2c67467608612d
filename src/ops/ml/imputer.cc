// Imputer: elements equal to replaced_value (NaN too) become the imputed value, of the tensor or of their feature.
#include <cmath>

#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::imputer {
namespace {

void infer(InferContext& c) { c.set_type(0, c.type(0)); }

struct Imputer final : Kernel {
  explicit Imputer(const NodeInfo& info)
      : replaced_float(info.attrs.get_float("replaced_value_float", 0)),
        replaced_int(info.attrs.get_int("replaced_value_int64", 0)) {
    const auto f = info.attrs.get_floats("imputed_value_floats");
    const auto i = info.attrs.get_ints("imputed_value_int64s");
    if (f.empty() == i.empty()) fail("expected one of imputed_value_floats and imputed_value_int64s");
    const bool wants_floats = info.dtype(0) == DType::kFloat || info.dtype(0) == DType::kDouble;
    if (wants_floats == f.empty()) fail("the imputed values do not have the kind of the input's type");
    floats.assign(f.begin(), f.end());
    ints.assign(i.begin(), i.end());
  }

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    const int64_t columns = x.rank == 0 ? 1 : x.dim[x.rank - 1];
    const size_t n = floats.empty() ? ints.size() : floats.size();
    if (n != 1 && static_cast<int64_t>(n) != columns) fail("{} imputed values for {} features", n, columns);
    visit<TypeList<float, double, int64_t, int32_t>>(x.dtype, [&]<class T>() {
      for (int64_t i = 0; i < x.count; ++i) {
        const T v = x.as<T>()[i];
        const auto k = n == 1 ? 0 : static_cast<size_t>(i % columns);
        if constexpr (std::is_floating_point_v<T>) {
          const bool hit = std::isnan(replaced_float) ? std::isnan(v) : v == static_cast<T>(replaced_float);
          y.out<T>()[i] = hit ? static_cast<T>(floats[k]) : v;
        } else {
          y.out<T>()[i] = v == replaced_int ? static_cast<T>(ints[k]) : v;
        }
      }
    });
  }
  float replaced_float;
  int64_t replaced_int;
  std::vector<float> floats;
  std::vector<int64_t> ints;
};

constexpr AttrDef kAttrs[] = {optional_attr("imputed_value_floats", AttrKind::kFloats),
                              optional_attr("imputed_value_int64s", AttrKind::kInts),
                              float_attr("replaced_value_float", 0), int_attr("replaced_value_int64", 0)};
constexpr Port kIn[] = {{"X", kFeatureSet}};
constexpr Port kOut[] = {{"Y", kFeatureSet}};
constexpr OpDef kOps[] = {{.name = "Imputer",
                           .domain = kMl,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<Imputer>,
                           .inplace = 1}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::imputer
