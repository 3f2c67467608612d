// Constant: the value of whichever attribute the node has.
#include "ops/move.h"

namespace tenon::ops::constant {
namespace {

template <class T>
Value from_list(std::span<const T> items) {
  const auto n = static_cast<int64_t>(items.size());
  Value v = Value::tensor(DTypeOf<T>::value, {&n, 1});
  std::copy(items.begin(), items.end(), v.as_mutable<T>().begin());
  return v;
}
template <class T>
Value from_one(T item) {
  Value v = Value::tensor(DTypeOf<T>::value, {});
  v.as_mutable<T>()[0] = std::move(item);
  return v;
}

/// Dense form of a sparse COO tensor.
Value dense(const Value& sparse) {
  const Value &values = sparse.items()[0], &indices = sparse.items()[1];
  limit_elements(sparse.dims());
  Value out = Value::tensor(values.dtype(), sparse.dims());
  if (is_packed(values.dtype()))
    fail(ErrorCode::kNotImplemented, "sparse values of type {}", dtype_name(values.dtype()));
  if (values.dtype() != DType::kString) std::memset(out.mutable_data(), 0, out.bytes());
  const auto index = indices.as<int64_t>();
  const size_t rank = sparse.dims().size();
  for (int64_t i = 0; i < values.count(); ++i) {
    int64_t at = 0;
    if (indices.dims().size() == 1) {
      at = index[static_cast<size_t>(i)];
    } else {
      for (size_t k = 0; k < rank; ++k) {
        const int64_t j = index[static_cast<size_t>(i) * rank + k];
        if (j < 0 || j >= sparse.dims()[k]) fail("sparse index {} out of range [0, {})", j, sparse.dims()[k]);
        at = at * sparse.dims()[k] + j;
      }
    }
    if (at < 0 || at >= out.count()) fail("sparse index {} out of range [0, {})", at, out.count());
    copy_elements({}, values.dtype(), element(values.data(), values.dtype(), i),
                  element(out.mutable_data(), values.dtype(), at), 1);
  }
  return out;
}

/// The constant; `sparse` ones are made dense only when asked.
Value value_of(const graph::Attrs& attrs, bool densify) {
  Value result;
  int found = 0;
  for (const graph::Attr& a : attrs.items()) {
    ++found;
    if (a.name == "value" || a.name == "sparse_value") {
      if (const Value* v = attrs.get_tensor(a.name)) result = *v;
      if (densify && result && result.kind() == ValueKind::kSparse) result = dense(result);
    } else if (a.name == "value_int") {
      result = from_one(attrs.get_int(a.name, 0));
    } else if (a.name == "value_float") {
      result = from_one(attrs.get_float(a.name, 0));
    } else if (a.name == "value_string") {
      result = from_one(std::string(attrs.get_string(a.name, "")));
    } else if (a.name == "value_ints") {
      result = from_list(attrs.get_ints(a.name));
    } else if (a.name == "value_floats") {
      result = from_list(attrs.get_floats(a.name));
    } else if (a.name == "value_strings") {
      result = from_list(attrs.get_strings(a.name));
    } else {
      --found;
    }
  }
  if (found != 1 || !result) fail(ErrorCode::kInvalidGraph, "{} value attributes, expected exactly one", found);
  return result;
}

void infer(InferContext& c) {
  const Value v = value_of(c.attrs(), false);
  const bool sparse = v.kind() == ValueKind::kSparse;
  c.set(0, sparse ? v.items()[0].dtype() : v.dtype(), Dims(v.dims()));
  if (sparse || v.count() > 4096 || !is_int(v.dtype())) return;
  std::vector<int64_t> ints;
  visit<IntTypes>(v.dtype(), [&]<class T>() {
    for (T x : v.as<T>()) ints.push_back(static_cast<int64_t>(x));
  });
  for (int64_t i : ints)
    if (is_symbol(i)) return;
  c.set_ints(0, std::move(ints));
}

struct Constant final : Kernel {
  explicit Constant(const NodeInfo& info) : value(value_of(info.attrs, true)) {}
  void run(KernelContext& c) const override { c.set_output(0, value); }
  Value value;
};

constexpr AttrDef kAttrs1[] = {required_attr("value", AttrKind::kTensor)};
constexpr AttrDef kAttrs11[] = {optional_attr("value", AttrKind::kTensor),
                                optional_attr("sparse_value", AttrKind::kSparse)};
constexpr AttrDef kAttrs12[] = {
    optional_attr("value", AttrKind::kTensor),        optional_attr("sparse_value", AttrKind::kSparse),
    optional_attr("value_int", AttrKind::kInt),       optional_attr("value_ints", AttrKind::kInts),
    optional_attr("value_float", AttrKind::kFloat),   optional_attr("value_floats", AttrKind::kFloats),
    optional_attr("value_string", AttrKind::kString), optional_attr("value_strings", AttrKind::kStrings)};
template <DTypeSet T>
struct Ports {
  static constexpr std::span<const Port> kIn = {};
  static constexpr Port kOut[] = {{"output", T}};
};
constexpr OpDef kRow = {.name = "Constant", .attrs = kAttrs12, .infer = infer, .make = make<Constant>};
constexpr auto kOps =
    joined(std::array{row_of<Ports<kOldFloatSet>>(kRow, 1, 8, kAttrs1), row_of<Ports<kIr3Set>>(kRow, 9, 10, kAttrs1),
                      row_of<Ports<kIr3Set>>(kRow, 11, 11, kAttrs11), row_of<Ports<kIr3Set>>(kRow, 12, 12),
                      row_of<Ports<kIr4Set>>(kRow, 13, 18)},
           rows_from_19<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::constant
