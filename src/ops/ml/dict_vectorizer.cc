// DictVectorizer: a map as one row, by vocabulary.
#include <algorithm>
#include <unordered_map>

#include "ops/classifier.h"
#include "ops/move.h"

namespace tenon::ops::dict_vectorizer {
namespace {

ClassLabels vocabulary(const graph::Attrs& attrs) { return {attrs, "int64_vocabulary", "string_vocabulary"}; }

void infer(InferContext& c) {
  const ClassLabels words = vocabulary(c.attrs());
  const ValueType& t = expect_map(c, 0);
  if (t.elem != words.type())
    fail("the map's keys are {}, the vocabulary {}", dtype_name(t.elem), dtype_name(words.type()));
  c.set(0, t.inner->elem, {1, static_cast<int64_t>(words.size())});
}

struct DictVectorizer final : Kernel {
  explicit DictVectorizer(const NodeInfo& info) {
    const ClassLabels words = vocabulary(info.attrs);
    for (size_t i = 0; i < words.strings.size(); ++i) strings.emplace(words.strings[i], i);
    for (size_t i = 0; i < words.ints.size(); ++i) ints.emplace(words.ints[i], i);
  }
  void run(KernelContext& c) const override {
    const TensorRef& y = c.output(0);
    const Value map = c.input_value(0);
    const Value &keys = map.items()[0], &values = map.items()[1];
    visit_size(y.dtype, [&]<class T>() {
      std::fill_n(y.out<T>(), y.count, T{});
      for (size_t i = 0; i < static_cast<size_t>(keys.count()); ++i) {
        const int64_t at =
            keys.dtype() == DType::kString ? find(strings, keys.string_data()[i]) : find(ints, keys.as<int64_t>()[i]);
        y.out<T>()[at] = static_cast<const T*>(values.data())[i];
      }
    });
  }
  template <class Map, class Key>
  static int64_t find(const Map& map, const Key& key) {
    const auto it = map.find(key);
    if (it == map.end()) fail("key {} is not in the vocabulary", key);
    return static_cast<int64_t>(it->second);
  }
  std::unordered_map<std::string, size_t> strings;
  std::unordered_map<int64_t, size_t> ints;
};

constexpr DTypeSet kValues = kLabelSet | dtype_set({DType::kFloat, DType::kDouble});
constexpr AttrDef kAttrs[] = {optional_attr("int64_vocabulary", AttrKind::kInts),
                              optional_attr("string_vocabulary", AttrKind::kStrings)};
constexpr Port kIn[] = {{"X", kValues, "T1", PortUse::kSingle, kMaps}};
constexpr Port kOut[] = {{"Y", kValues, "T2"}};
constexpr OpDef kOps[] = {{.name = "DictVectorizer",
                           .domain = kMl,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<DictVectorizer>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::dict_vectorizer
