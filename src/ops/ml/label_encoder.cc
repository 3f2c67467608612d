// LabelEncoder and CategoryMapper: every element replaced through a table, with a default for what is not in it.
#include <bit>
#include <cmath>
#include <unordered_map>

#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::label_encoder {
namespace {

template <class T>
Value list(std::span<const T> items) {
  const auto n = static_cast<int64_t>(items.size());
  Value v = Value::tensor(DTypeOf<T>::value, {&n, 1});
  std::copy(items.begin(), items.end(), v.as_mutable<T>().begin());
  return v;
}
template <class T>
Value one(T item) {
  return list(std::span<const T>(&item, 1));
}

/// Table of one node: keys, values and default, of the types that the attributes name.
struct Table {
  Value keys, values, fallback;

  /// Versions 2 and later: keys_*, values_*, default_*, of which keys and values must be there once.
  static Table from_lists(const graph::Attrs& a) {
    Table t;
    t.keys = only(a, "keys");
    t.values = only(a, "values");
    if (t.keys.count() != t.values.count())
      fail("{} keys and {} values: expected as many", t.keys.count(), t.values.count());
    if (const Value* d = a.get_tensor("default_tensor")) {
      if (d->dtype() != t.values.dtype() || d->count() != 1)
        fail("default_tensor must be one element of type {}", dtype_name(t.values.dtype()));
      t.fallback = *d;
      return t;
    }
    switch (t.values.dtype()) {
      case DType::kString:
        t.fallback = one(std::string(a.get_string("default_string", "_Unused")));
        break;
      case DType::kFloat:
        t.fallback = one(a.get_float("default_float", -0.0F));
        break;
      case DType::kDouble:
        t.fallback = one(-0.0);
        break;
      case DType::kInt64:
        t.fallback = one(a.get_int("default_int64", -1));
        break;
      case DType::kInt32:
        t.fallback = one(int32_t{-1});
        break;
      default:
        t.fallback = one(int16_t{-1});
    }
    return t;
  }
  static Value only(const graph::Attrs& a, const std::string& name) {
    Value v;
    const auto take = [&](Value found) {
      if (v) fail("more than one attribute {}_*", name);
      v = std::move(found);
    };
    if (a.has(name + "_strings")) take(list(a.get_strings(name + "_strings")));
    if (a.has(name + "_int64s")) take(list(a.get_ints(name + "_int64s")));
    if (a.has(name + "_floats")) take(list(a.get_floats(name + "_floats")));
    if (const Value* t = a.get_tensor(name + "_tensor")) take(*t);
    if (!v) fail("no attribute {}_*", name);
    return v;
  }
  /// LabelEncoder 1 (strings numbered in order) and CategoryMapper (two lists): strings to integers or back.
  static Table from_strings(const graph::Attrs& a, std::span<const std::string> strings, std::span<const int64_t> ints,
                            DType from) {
    Table t;
    Value s = list(strings), i = list(ints);
    if (s.count() != i.count()) fail("{} strings and {} integers: expected as many", s.count(), i.count());
    if (from == DType::kString) {
      t = {std::move(s), std::move(i), one(a.get_int("default_int64", -1))};
    } else {
      t = {std::move(i), std::move(s), one(std::string(a.get_string("default_string", "_Unused")))};
    }
    return t;
  }
  static Table of(const graph::Attrs& a, std::string_view op, int since, DType from) {
    if (op == "CategoryMapper") return from_strings(a, a.get_strings("cats_strings"), a.get_ints("cats_int64s"), from);
    if (since >= 2) return from_lists(a);
    const auto classes = a.get_strings("classes_strings");
    std::vector<int64_t> numbers(classes.size());
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int64_t>(i);
    return from_strings(a, classes, numbers, from);
  }
};

void infer(InferContext& c) {
  const Table t = Table::of(c.attrs(), c.node().op, c.since(), c.dtype(0));
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
  explicit LabelEncoder(const NodeInfo& info) : table(Table::of(info.attrs, info.op, info.since, info.dtype(0))) {
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
    const auto look_up = [](const auto& map, const auto& key) {
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
  Table table;
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
constexpr Port kIn[] = {{"X", T, "T1"}};
template <DTypeSet T>
constexpr Port kOut[] = {{"Y", T, "T2"}};
template <DTypeSet T>
constexpr OpDef row(const char* name, int since, int until, std::span<const AttrDef> attrs) {
  return {.name = name,
          .domain = kMl,
          .since = since,
          .until = until,
          .inputs = kIn<T>,
          .outputs = kOut<T>,
          .attrs = attrs,
          .infer = infer,
          .make = make<LabelEncoder>};
}
constexpr OpDef kOps[] = {
    row<kLabelSet>("LabelEncoder", 1, 1, kAttrs1), row<kTypes2>("LabelEncoder", 2, 3, std::span(kAttrs4).first(9)),
    row<kTypes4>("LabelEncoder", 4, 0, kAttrs4), row<kLabelSet>("CategoryMapper", 1, 0, kAttrsMapper)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::label_encoder
