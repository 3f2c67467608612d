// InferContext's readers and the inference rules that many ops share.
#include "ops/infer.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace tenon::ops {
namespace {

constexpr int64_t kMaxInts = 4096;
using IntLike = Join<IntTypes, TypeList<bool>>;

}  // namespace

const ValueType& InferContext::type(size_t i) const {
  if (!has_input(i)) fail(ErrorCode::kInvalidGraph, "input {} is missing", i);
  return *inputs_[i];
}

std::optional<std::vector<int64_t>> InferContext::ints(size_t i) {
  if (!has_input(i)) return std::nullopt;
  if (const std::vector<int64_t>* derived = host_.derived_ints(i)) return *derived;
  const Value v = host_.contents(i);
  if (!v || !v.is_tensor() || !contains(IntLike::set, v.dtype()) || v.count() > kMaxInts) return std::nullopt;
  std::vector<int64_t> out;
  out.reserve(static_cast<size_t>(v.count()));
  const bool fits = visit<IntLike>(v.dtype(), [&]<class T>() {
    for (const T x : v.as<T>()) {
      out.push_back(static_cast<int64_t>(x));
      // Values in the symbols' range, and unsigned ones beyond int64, are no sizes.
      if (is_symbol(out.back()) || (x > T{0} && out.back() < 0)) return false;
    }
    return true;
  });
  if (!fits) return std::nullopt;
  return out;
}

std::optional<int64_t> InferContext::scalar_int(size_t i) {
  const auto v = ints(i);
  if (!v || v->size() != 1) return std::nullopt;
  return v->front();
}

std::optional<std::vector<double>> InferContext::floats(size_t i) {
  const Value v = contents(i);
  if (!v || !v.is_tensor() || !is_float(v.dtype()) || v.count() > kMaxInts) return std::nullopt;
  std::vector<double> out;
  out.reserve(static_cast<size_t>(v.count()));
  switch (v.dtype()) {
    case DType::kFloat:
      for (float x : v.as<float>()) out.push_back(x);
      break;
    case DType::kDouble:
      for (double x : v.as<double>()) out.push_back(x);
      break;
    case DType::kFloat16:
      for (Half x : v.as<Half>()) out.push_back(to_float(x));
      break;
    default:
      for (BFloat16 x : v.as<BFloat16>()) out.push_back(to_float(x));
      break;
  }
  return out;
}

void infer_same(InferContext& c) {
  c.set_type(0, c.type(0));
  if (auto ints = c.data_ints(0)) c.set_ints(0, std::move(*ints));
}

Dims broadcast_dims(InferContext& c, const Dims& a, const Dims& b) {
  const size_t rank = std::max(a.size(), b.size());
  Dims out(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    const int64_t d = c.sym.broadcast(x, y);
    if (d == -1) fail("shapes {} and {} do not broadcast", c.sym.to_string(a), c.sym.to_string(b));
    out[rank - 1 - i] = d;
  }
  return out;
}

namespace {

void broadcast_as(InferContext& c, DType elem) {
  Dims out;
  for (size_t i = 0; i < c.num_inputs(); ++i) {
    if (!c.has_input(i)) continue;
    if (!c.has_rank(i)) return c.set_unranked(0, elem);
    out = i == 0 ? c.dims(0) : broadcast_dims(c, out, c.dims(i));
  }
  c.set(0, elem, std::move(out));
}

}  // namespace

void infer_broadcast(InferContext& c) { broadcast_as(c, c.dtype(0)); }
void infer_compare(InferContext& c) { broadcast_as(c, DType::kBool); }

DType dtype_attr(const graph::Attrs& attrs, const char* name, DTypeSet known, DType otherwise) {
  const int64_t asked = attrs.get_int(name, 0);
  if (asked != 0 && (asked < 0 || asked >= kNumDTypes || !contains(known, static_cast<DType>(asked))))
    fail("attribute {} asks for {}, expected one of: {}", name,
         asked > 0 && asked < kNumDTypes ? dtype_name(static_cast<DType>(asked)) : std::to_string(asked),
         dtype_set_names(known));
  const DType type = asked == 0 ? otherwise : static_cast<DType>(asked);
  if (!contains(known, type)) fail("{} {} found, expected one of: {}", name, dtype_name(type), dtype_set_names(known));
  return type;
}

void expect_rank(InferContext& c, size_t i, size_t rank) {
  if (c.has_rank(i) && c.rank(i) != rank) {
    fail("input {}: expected rank {}, found shape {}", i, rank, c.sym.to_string(c.dims(i)));
  }
}

void expect_equal(InferContext& c, int64_t a, int64_t b, const char* what) {
  if (differ(a, b)) fail("{}: {} and {} differ", what, c.sym.to_string(a), c.sym.to_string(b));
}

ValueType widen(InferContext& c, const ValueType& a, const ValueType& b) {
  if (a.kind != b.kind) fail("types {} and {} do not agree", to_string(a, &c.sym), to_string(b, &c.sym));
  if (a.elem == DType::kUndefined && a.is_tensor()) return b;
  if (b.elem == DType::kUndefined && b.is_tensor()) return a;
  if (a.elem != b.elem) fail("types {} and {} do not agree", to_string(a, &c.sym), to_string(b, &c.sym));
  ValueType out = a;
  if (a.inner && b.inner) out.inner = std::make_shared<const ValueType>(widen(c, *a.inner, *b.inner));
  if (!a.has_rank || !b.has_rank || a.dims.size() != b.dims.size()) {
    out.has_rank = false;
    out.dims.clear();
    return out;
  }
  for (size_t i = 0; i < out.dims.size(); ++i)
    if (a.dims[i] != b.dims[i]) out.dims[i] = c.fresh();
  return out;
}

static const ValueType& expect_kind(InferContext& c, size_t i, ValueKind kind, const char* what) {
  const ValueType& t = c.type(i);
  if (t.kind != kind || !t.inner)
    fail(ErrorCode::kInvalidGraph, "input {} is {}, expected a {}", i, to_string(t, &c.sym), what);
  return t;
}
const ValueType& expect_map(InferContext& c, size_t i) { return expect_kind(c, i, ValueKind::kMap, "map"); }
const ValueType& expect_items(InferContext& c, size_t i) {
  return *expect_kind(c, i, ValueKind::kSequence, "sequence").inner;
}

std::optional<ValueType> type_by_port(const graph::Node& n, size_t j, std::span<const ValueType* const> operands) {
  const Port* out = graph::output_port(*n.def, j);
  if (!out) return std::nullopt;
  for (size_t i = 0; i < operands.size() && out->var[0]; ++i) {
    const Port* in = graph::input_port(*n.def, i);
    if (!operands[i] || !in || std::string_view(in->var) != out->var) continue;
    ValueType t = *operands[i];
    t.has_rank = false;
    t.dims.clear();
    return t;
  }
  if (out->kinds == kTensors && std::has_single_bit(out->types))
    return ValueType::tensor(static_cast<DType>(std::countr_zero(out->types)));
  return std::nullopt;
}

}  // namespace tenon::ops
