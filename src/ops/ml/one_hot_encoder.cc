// OneHotEncoder: a last axis with a 1 at the element's category; unknown categories are all 0 or an error.
#include <cmath>
#include <unordered_map>

#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::one_hot_encoder {
namespace {

ClassLabels categories(const graph::Attrs& attrs) { return {attrs, "cats_int64s", "cats_strings"}; }

void infer(InferContext& c) {
  const ClassLabels cats = categories(c.attrs());
  if ((cats.type() == DType::kString) != (c.dtype(0) == DType::kString))
    fail("input has type {}, the categories {}", dtype_name(c.dtype(0)), dtype_name(cats.type()));
  if (!c.has_rank(0)) return c.set_unranked(0, DType::kFloat);
  Dims out = c.dims(0);
  out.push_back(static_cast<int64_t>(cats.size()));
  limit_elements(out);
  c.set(0, DType::kFloat, std::move(out));
}

struct OneHotEncoder final : Kernel {
  explicit OneHotEncoder(const NodeInfo& info) : zeros(info.attrs.get_int("zeros", 1) != 0) {
    const ClassLabels cats = categories(info.attrs);
    size = static_cast<int64_t>(cats.size());
    for (size_t i = 0; i < cats.strings.size(); ++i) strings.emplace(cats.strings[i], i);
    for (size_t i = 0; i < cats.ints.size(); ++i) ints.emplace(cats.ints[i], i);
  }

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    std::fill_n(y.out<float>(), y.count, 0.0F);
    const auto set = [&](int64_t i, const auto& map, const auto& key) {
      const auto it = map.find(key);
      if (it != map.end()) {
        y.out<float>()[i * size + static_cast<int64_t>(it->second)] = 1;
      } else if (!zeros) {
        fail("unknown category {}", key);
      }
    };
    for (int64_t i = 0; i < x.count; ++i) {
      if (x.dtype == DType::kString) {
        set(i, strings, x.as<std::string>()[i]);
      } else if (x.dtype == DType::kInt64) {
        set(i, ints, x.as<int64_t>()[i]);
      } else {
        const double v = number_at(x, i);  // cast to an integer; what no integer holds is in no category
        set(i, ints, std::abs(v) < 0x1p62 ? static_cast<int64_t>(v) : INT64_MIN);
      }
    }
  }
  bool zeros;
  int64_t size = 0;
  std::unordered_map<std::string, size_t> strings;
  std::unordered_map<int64_t, size_t> ints;
};

constexpr DTypeSet kTypes = kFeatureSet | kStringSet;
constexpr AttrDef kAttrs[] = {optional_attr("cats_int64s", AttrKind::kInts),
                              optional_attr("cats_strings", AttrKind::kStrings), int_attr("zeros", 1)};
constexpr Port kIn[] = {{"X", kTypes}};
constexpr Port kOut[] = {{"Y", kFloat32Set, ""}};
constexpr OpDef kOps[] = {{.name = "OneHotEncoder",
                           .domain = kMl,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<OneHotEncoder>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::one_hot_encoder
