// LabelEncoder and CategoryMapper: every element replaced through a table, with a default for what is not in it.
#include <bit>
#include <cmath>
#include <unordered_map>

#include "ops/classifier.h"
#include "ops/label_table.h"
#include "ops/move.h"

namespace tenon::ops::label_encoder {
namespace {

LabelTable table_of(const graph::Attrs& attrs, std::string_view op, int since, DType from) {
  if (op == "CategoryMapper") return LabelTable::from_categories(attrs, from);
  return since >= 2 ? LabelTable::from_lists(attrs) : LabelTable::from_classes(attrs, from);
}

void infer(InferContext& c) {
  const LabelTable t = table_of(c.attrs(), c.node().op, c.since(), c.dtype(0));
  if (t.keys.dtype() != c.dtype(0))
    fail("input has type {}, the keys have {}", dtype_name(c.dtype(0)), dtype_name(t.keys.dtype()));
  ValueType type = c.type(0);
  type.elem = t.values.dtype();
  c.set_type(0, std::move(type));
}

/// Equal numbers have equal images: all NaNs are one, and both zeros.
template <class T>
uint64_t image(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(x)) return 0x7ff8000000000000u;
    return std::bit_cast<uint64_t>(static_cast<double>(x) + 0.0);
  } else {
    return static_cast<uint64_t>(static_cast<int64_t>(x));
  }
}
using Numbers = TypeList<int64_t, float, int32_t, int16_t, double>;

struct LabelEncoder final : Kernel {
  explicit LabelEncoder(const NodeInfo& info) : table(table_of(info.attrs, info.op, info.since, info.dtype(0))) {
    for (int64_t i = 0; i < table.keys.count(); ++i) {  // the last of equal keys wins
      if (table.keys.dtype() == DType::kString) {
        strings[table.keys.string_data()[static_cast<size_t>(i)]] = i;
      } else {
        visit<Numbers>(table.keys.dtype(),
                       [&]<class T>() { numbers[image(table.keys.as<T>()[static_cast<size_t>(i)])] = i; });
      }
    }
  }

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    auto* found = c.scratch<int64_t>(x.count);
    Poll poll(c.par.cancel);
    const auto look_up = [&poll](const auto& map, const auto& key) {
      poll(50);
      const auto it = map.find(key);
      return it == map.end() ? int64_t{-1} : it->second;
    };
    if (x.dtype == DType::kString) {
      for (int64_t i = 0; i < x.count; ++i) found[i] = look_up(strings, x.as<std::string>()[i]);
    } else {
      visit<Numbers>(x.dtype, [&]<class T>() {
        for (int64_t i = 0; i < x.count; ++i) found[i] = look_up(numbers, image(x.as<T>()[i]));
      });
    }
    visit_size(y.dtype, [&]<class T>() {
      const T *values = static_cast<const T*>(table.values.data()),
              *other = static_cast<const T*>(table.fallback.data());
      for (int64_t i = 0; i < x.count; ++i) y.out<T>()[i] = found[i] < 0 ? *other : values[found[i]];
    });
  }
  LabelTable table;
  std::unordered_map<std::string, int64_t> strings;
  std::unordered_map<uint64_t, int64_t> numbers;
};

constexpr DTypeSet kTypes2 = kLabelSet | kFloat32Set;
constexpr DTypeSet kTypes4 = kTypes2 | dtype_set({DType::kInt32, DType::kInt16, DType::kDouble});
constexpr AttrDef kAttrs1[] = {optional_attr("classes_strings", AttrKind::kStrings), int_attr("default_int64", -1),
                               string_attr("default_string", "_Unused")};
constexpr AttrDef kAttrs4[] = {
    float_attr("default_float", -0.0),
    int_attr("default_int64", -1),
    string_attr("default_string", "_Unused"),
    optional_attr("keys_floats", AttrKind::kFloats),
    optional_attr("keys_int64s", AttrKind::kInts),
    optional_attr("keys_strings", AttrKind::kStrings),
    optional_attr("values_floats", AttrKind::kFloats),
    optional_attr("values_int64s", AttrKind::kInts),
    optional_attr("values_strings", AttrKind::kStrings),
    optional_attr("default_tensor", AttrKind::kTensor),  // from here on: version 4
    optional_attr("keys_tensor", AttrKind::kTensor),
    optional_attr("values_tensor", AttrKind::kTensor),
};
constexpr AttrDef kAttrsMapper[] = {optional_attr("cats_int64s", AttrKind::kInts),
                                    optional_attr("cats_strings", AttrKind::kStrings), int_attr("default_int64", -1),
                                    string_attr("default_string", "_Unused")};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"X", T, "T1"}}, kOut[] = {{"Y", T, "T2"}};
};
constexpr OpDef kEncoder = {
    .name = "LabelEncoder", .domain = kMl, .attrs = kAttrs4, .infer = infer, .make = make<LabelEncoder>};
constexpr OpDef kMapper = {
    .name = "CategoryMapper", .domain = kMl, .attrs = kAttrsMapper, .infer = infer, .make = make<LabelEncoder>};
constexpr OpDef kOps[] = {row_of<Ports<kLabelSet>>(kEncoder, 1, 1, kAttrs1),
                          row_of<Ports<kTypes2>>(kEncoder, 2, 3, std::span(kAttrs4).first(9)),
                          row_of<Ports<kTypes4>>(kEncoder, 4, 0), row_of<Ports<kLabelSet>>(kMapper, 1, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::label_encoder
