// CastMap: a map as one row, in the order of its integer keys.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::cast_map {
namespace {

struct CastRule {
  DType to;
  bool sparse;
  int64_t length;
};
CastRule rule_of(const graph::Attrs& attrs) {
  const std::string_view to = attrs.get_string("cast_to", "TO_FLOAT"), form = attrs.get_string("map_form", "DENSE");
  if (form != "DENSE" && form != "SPARSE") fail("map_form is \"{}\", expected DENSE or SPARSE", form);
  const int64_t length = attrs.get_int("max_map", 1);
  if (form == "SPARSE" && (length < 1 || length > kMaxElements)) fail("max_map is {}, expected at least 1", length);
  if (to == "TO_FLOAT") return {DType::kFloat, form == "SPARSE", length};
  if (to == "TO_STRING") return {DType::kString, form == "SPARSE", length};
  if (to == "TO_INT64") return {DType::kInt64, form == "SPARSE", length};
  fail("cast_to is \"{}\", expected TO_FLOAT, TO_STRING or TO_INT64", to);
}

void infer(InferContext& c) {
  const CastRule rule = rule_of(c.attrs());
  if (expect_map(c, 0).elem != DType::kInt64) fail("the map's keys are {}, expected int64", dtype_name(c.type(0).elem));
  c.set(0, rule.to, {1, rule.sparse ? rule.length : c.fresh()});
}

void store(const TensorRef& y, int64_t i, float v) {
  if (y.dtype == DType::kFloat) {
    y.out<float>()[i] = v;
  } else if (y.dtype == DType::kString) {
    y.out<std::string>()[i] = fmt::format("{}", v);
  } else {
    if (!(std::abs(v) < 0x1p63F)) fail("{} is no int64", v);
    y.out<int64_t>()[i] = static_cast<int64_t>(v);
  }
}
void store(const TensorRef& y, int64_t i, const std::string& v) {
  if (y.dtype == DType::kString) {
    y.out<std::string>()[i] = v;
    return;
  }
  char* end = nullptr;
  errno = 0;
  if (y.dtype == DType::kFloat) {
    y.out<float>()[i] = std::strtof(v.c_str(), &end);
  } else {
    y.out<int64_t>()[i] = std::strtoll(v.c_str(), &end, 10);
    if (errno == ERANGE) fail("\"{}\" is no int64", v);
  }
  if (v.empty() || end != v.c_str() + v.size()) fail("\"{}\" is no number", v);
}

struct CastMap final : Kernel {
  explicit CastMap(const NodeInfo& info) : rule(rule_of(info.attrs)) {}
  void run(KernelContext& c) const override {
    const Value map = c.input_value(0);
    const Value &keys = map.items()[0], &values = map.items()[1];
    const auto key = keys.as<int64_t>();
    std::vector<size_t> order(key.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key[a] < key[b]; });
    const int64_t dims[] = {1, rule.sparse ? rule.length : keys.count()};
    const TensorRef& y = c.output(0, rule.to, dims);
    visit_size(y.dtype, [&]<class T>() { std::fill_n(y.out<T>(), y.count, T{}); });
    for (size_t i = 0; i < order.size(); ++i) {
      const int64_t at = rule.sparse ? key[order[i]] : static_cast<int64_t>(i);
      if (at < 0 || at >= y.count) fail("key {} is out of range [0, {})", at, y.count);
      if (values.dtype() == DType::kString) {
        store(y, at, values.string_data()[order[i]]);
      } else {
        store(y, at, values.as<float>()[order[i]]);
      }
    }
  }
  CastRule rule;
};

constexpr AttrDef kAttrs[] = {string_attr("cast_to", "TO_FLOAT"), string_attr("map_form", "DENSE"),
                              int_attr("max_map", 1)};
constexpr Port kIn[] = {{"X", kStringSet | kFloat32Set, "T1", PortUse::kSingle, kMaps}};
constexpr Port kOut[] = {{"Y", kLabelSet | kFloat32Set, "T2"}};
constexpr OpDef kOps[] = {{.name = "CastMap",
                           .domain = kMl,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<CastMap>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::cast_map
