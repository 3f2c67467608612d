// Tables of labels from lists of every type that LabelEncoder knows.
#include "ops/label_table.h"

#include <algorithm>
#include <numeric>

#include "base/dtype.h"
#include "base/error.h"

namespace tenon::ops {
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

Value only(const graph::Attrs& a, const std::string& name) {
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
LabelTable from_strings(const graph::Attrs& a, std::span<const std::string> strings, std::span<const int64_t> ints,
                        DType from) {
  Value s = list(strings), i = list(ints);
  if (s.count() != i.count()) fail("{} strings and {} integers: expected as many", s.count(), i.count());
  if (from == DType::kString) return {std::move(s), std::move(i), one(a.get_int("default_int64", -1))};
  return {std::move(i), std::move(s), one(std::string(a.get_string("default_string", "_Unused")))};
}

}  // namespace

LabelTable LabelTable::from_lists(const graph::Attrs& a) {
  LabelTable t;
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

LabelTable LabelTable::from_classes(const graph::Attrs& attrs, DType from) {
  const auto classes = attrs.get_strings("classes_strings");
  std::vector<int64_t> numbers(classes.size());
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  return from_strings(attrs, classes, numbers, from);
}

LabelTable LabelTable::from_categories(const graph::Attrs& attrs, DType from) {
  return from_strings(attrs, attrs.get_strings("cats_strings"), attrs.get_ints("cats_int64s"), from);
}

}  // namespace tenon::ops
