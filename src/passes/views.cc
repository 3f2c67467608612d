// Semantic views of nodes and constants.
#include "passes/views.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"

namespace tenon::passes {

using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

bool is_op(const Graph& g, NodeId n, std::string_view op, std::string_view domain) {
  if (n == kNone) return false;
  const Node& node = g.node(n);
  return node.alive && node.def && node.op == op && node.domain == domain;
}

NodeId producer_of(const Graph& g, ValueId v, std::string_view op, std::string_view domain) {
  if (v == kNone) return kNone;
  const NodeId p = g.producer(v);
  return is_op(g, p, op, domain) ? p : kNone;
}

bool single_use(const Graph& g, ValueId v) { return g.value(v).uses.size() == 1 && !g.pinned(v); }

NodeId sole_producer_of(const Graph& g, ValueId v, std::string_view op, std::string_view domain) {
  const NodeId p = producer_of(g, v, op, domain);
  return p != kNone && single_use(g, v) ? p : kNone;
}

ValueId operand(const Graph& g, NodeId n, size_t i) {
  const auto operands = g.node(n).operands();
  return i < operands.size() ? operands[i] : kNone;
}
ValueId result(const Graph& g, NodeId n, size_t k) {
  const auto& outputs = g.node(n).outputs;
  return k < outputs.size() ? outputs[k] : kNone;
}

std::optional<size_t> rank_of(const Graph& g, ValueId v) {
  const ValueType& t = g.type(v);
  if (!t.is_tensor() || !t.has_rank) return std::nullopt;
  return t.dims.size();
}

bool same_type(const Graph& g, ValueId a, ValueId b) {
  const ValueType &x = g.type(a), &y = g.type(b);
  return x.is_tensor() && y.is_tensor() && x.elem == y.elem && x.has_rank && y.has_rank && x.dims == y.dims;
}

bool has_elem(const Graph& g, ValueId v, DTypeSet types) {
  return v != kNone && g.type(v).is_tensor() && contains(types, g.type(v).elem);
}

bool port_takes(const Graph& g, const graph::OpDef* row, size_t i, ValueId v) {
  const graph::Port* port = row ? graph::input_port(*row, i) : nullptr;
  return port && has_elem(g, v, port->types);
}

namespace {

using Real = Join<NumericTypes, TypeList<bool>>;

std::optional<double> element(const Value& v, size_t i) {
  switch (v.dtype()) {
    case DType::kFloat16:
      return to_float(v.as<Half>()[i]);
    case DType::kBFloat16:
      return to_float(v.as<BFloat16>()[i]);
    default:
      break;
  }
  if (!contains(Real::set, v.dtype())) return std::nullopt;
  return visit<Real>(v.dtype(), [&]<class T>() { return static_cast<double>(v.as<T>()[i]); });
}

}  // namespace

std::optional<std::vector<int64_t>> const_ints(const Graph& g, ValueId v) {
  constexpr int64_t kMax = 4096;
  if (!g.is_constant(v)) return std::nullopt;
  const Value& c = g.constant(v);
  if (!c.is_tensor() || !is_int(c.dtype()) || c.count() > kMax) return std::nullopt;
  std::vector<int64_t> out;
  visit<IntTypes>(c.dtype(), [&]<class T>() {
    for (T x : c.as<T>()) out.push_back(static_cast<int64_t>(x));
  });
  return out;
}

std::optional<double> const_scalar(const Graph& g, ValueId v) {
  if (!g.is_constant(v)) return std::nullopt;
  const Value& c = g.constant(v);
  if (!c.is_tensor() || c.count() != 1) return std::nullopt;
  return element(c, 0);
}

std::optional<double> const_fill(const Graph& g, ValueId v) {
  constexpr int64_t kMax = 1 << 20;
  if (!g.is_constant(v)) return std::nullopt;
  const Value& c = g.constant(v);
  if (!c.is_tensor() || c.count() < 1 || c.count() > kMax || c.dtype() == DType::kString || is_packed(c.dtype()))
    return std::nullopt;
  const size_t size = dtype_size(c.dtype());
  // Equal to itself shifted by one element: all are equal.
  const auto* bytes = static_cast<const char*>(c.data());
  if (std::memcmp(bytes, bytes + size, c.bytes() - size) != 0) return std::nullopt;
  return element(c, 0);
}

bool near(const Graph& g, ValueId constant, double value) {
  const auto c = const_scalar(g, constant);
  if (!c) return false;
  const DType t = g.type(constant).elem;
  const double tolerance = t == DType::kFloat16 ? 1e-3 : t == DType::kBFloat16 ? 8e-3 : 1e-6;
  return std::abs(*c - value) <= tolerance * std::abs(value);
}

std::vector<double> const_doubles(const Value& v) {
  std::vector<double> out(static_cast<size_t>(v.count()));
  if (!is_float(v.dtype())) fail("float constant expected, found {}", dtype_name(v.dtype()));
  for (size_t i = 0; i < out.size(); ++i) out[i] = *element(v, i);
  return out;
}

Value float_tensor(DType t, std::span<const int64_t> dims, std::span<const double> data) {
  Value v = Value::tensor(t, dims);
  for (size_t i = 0; i < data.size(); ++i) {
    switch (t) {
      case DType::kFloat:
        v.as_mutable<float>()[i] = static_cast<float>(data[i]);
        break;
      case DType::kDouble:
        v.as_mutable<double>()[i] = data[i];
        break;
      case DType::kFloat16:
        v.as_mutable<Half>()[i] = to_half(static_cast<float>(data[i]));
        break;
      case DType::kBFloat16:
        v.as_mutable<BFloat16>()[i] = to_bfloat16(static_cast<float>(data[i]));
        break;
      default:
        fail("float type expected, found {}", dtype_name(t));
    }
  }
  return v;
}

std::optional<IntList> int_list(const Graph& g, NodeId n, std::string_view attr, size_t i) {
  const Node& node = g.node(n);
  if (node.attrs.has(attr)) {
    const auto ints = node.attrs.get_ints(attr);
    return IntList{true, {ints.begin(), ints.end()}};
  }
  if (operand(g, n, i) == kNone) return IntList{};
  auto ints = const_ints(g, operand(g, n, i));
  if (!ints) return std::nullopt;
  return IntList{true, std::move(*ints)};
}

bool in_inference(const Graph& g, NodeId n) {
  const Node& node = g.node(n);
  const auto declares = [&](std::string_view attr) {
    return std::any_of(node.def->attrs.begin(), node.def->attrs.end(),
                       [&](const graph::AttrDef& a) { return a.name == attr; });
  };
  // The oldest rows train unless told otherwise.
  if (declares("is_test") && node.attrs.get_int("is_test", 0) == 0) return false;
  if (node.attrs.get_int("training_mode", 0) != 0) return false;
  if (node.op == "Dropout" && operand(g, n, 2) != kNone) {
    const auto training = const_scalar(g, operand(g, n, 2));
    if (!training || *training != 0) return false;
  }
  return true;
}

std::optional<std::vector<int64_t>> permutation(const Graph& g, NodeId n) {
  const auto perm = g.node(n).attrs.get_ints("perm");
  if (!perm.empty()) return std::vector<int64_t>(perm.begin(), perm.end());
  const auto rank = rank_of(g, operand(g, n, 0));
  if (!rank) return std::nullopt;
  std::vector<int64_t> reversed(*rank);
  for (size_t i = 0; i < *rank; ++i) reversed[i] = static_cast<int64_t>(*rank - 1 - i);
  return reversed;
}

std::optional<Activation> activation_of(const Graph& g, NodeId n) {
  const Node& node = g.node(n);
  if (!node.def || node.outputs.size() != 1) return std::nullopt;
  const graph::Attrs& a = node.attrs;
  if (!node.domain.empty()) {
    if (node.domain != "com.microsoft") return std::nullopt;
    if (node.op == "Gelu" || node.op == "FastGelu") {
      if (node.op == "FastGelu" && operand(g, n, 1) != kNone) return std::nullopt;  // has a bias
      return Activation{node.op, {}};
    }
    if (node.op == "QuickGelu") return Activation{node.op, {a.get_float("alpha", 1.702f)}};
    return std::nullopt;
  }
  for (std::string_view plain : {"Relu", "Sigmoid", "Tanh", "HardSwish", "Softplus", "Softsign", "Mish"})
    if (node.op == plain) return Activation{node.op, {}};
  if (node.op == "LeakyRelu") return Activation{node.op, {a.get_float("alpha", 0.01f)}};
  if (node.op == "Elu" || node.op == "Celu" || node.op == "ThresholdedRelu")
    return Activation{node.op, {a.get_float("alpha", 1)}};
  if (node.op == "HardSigmoid") return Activation{node.op, {a.get_float("alpha", 0.2f), a.get_float("beta", 0.5f)}};
  if (node.op == "Gelu") return Activation{a.get_string("approximate", "none") == "tanh" ? "FastGelu" : "Gelu", {}};
  if (node.op == "Clip") {
    float bounds[2] = {std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max()};
    const char* names[2] = {"min", "max"};
    for (size_t i = 0; i < 2; ++i) {
      bounds[i] = a.get_float(names[i], bounds[i]);
      const ValueId v = operand(g, n, i + 1);
      if (v == kNone) continue;
      const auto c = const_scalar(g, v);
      if (!c) return std::nullopt;
      bounds[i] = static_cast<float>(*c);
    }
    return Activation{"Clip", {bounds[0], bounds[1]}};
  }
  return std::nullopt;
}

bool ort_fuses(const Activation& a) {
  const std::string_view known[] = {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Clip", "HardSigmoid"};
  return std::find(std::begin(known), std::end(known), a.name) != std::end(known);
}

}  // namespace tenon::passes
