// ZipMap: each row of scores as a map from class label to score.
#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::zip_map {
namespace {

ClassLabels labels_of(const graph::Attrs& attrs) { return {attrs, "classlabels_int64s"}; }

void infer(InferContext& c) {
  const ClassLabels labels = labels_of(c.attrs());
  feature_rows(c, 0);
  if (c.has_rank(0)) expect_equal(c, c.dims(0).back(), static_cast<int64_t>(labels.size()), "columns and labels");
  c.set_type(0, ValueType::sequence(ValueType::map(labels.type(), ValueType::tensor(DType::kFloat))));
}

struct ZipMap final : Kernel {
  explicit ZipMap(const NodeInfo& info) {
    const ClassLabels labels = labels_of(info.attrs);
    const auto n = static_cast<int64_t>(labels.size());
    keys = Value::tensor(labels.type(), {&n, 1});
    for (int64_t k = 0; k < n; ++k) labels.write(ref_of(keys), k, k);
  }
  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    const int64_t n = keys.count();
    std::vector<Value> maps;
    for (int64_t row = 0; row < x.count / n; ++row) {
      Value values = Value::tensor(DType::kFloat, {&n, 1});
      std::copy_n(x.as<float>() + row * n, n, values.as_mutable<float>().data());
      maps.push_back(Value::map(keys, std::move(values)));
    }
    c.set_output(0, Value::sequence(std::move(maps), keys.dtype()));
  }
  Value keys;  // shared by all maps
};

constexpr AttrDef kAttrs[] = {optional_attr("classlabels_int64s", AttrKind::kInts),
                              optional_attr("classlabels_strings", AttrKind::kStrings)};
constexpr Port kIn[] = {{"X", kFloat32Set, ""}};
constexpr Port kOut[] = {{"Z", kFloat32Set, "T", PortUse::kSingle, kSequences}};
constexpr OpDef kOps[] = {{.name = "ZipMap",
                           .domain = kMl,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<ZipMap>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::zip_map
