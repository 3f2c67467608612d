// One rule per operator. dy times the transposed Jacobian, in terms of x, y and dy.
#include "ops/derivatives.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/op.h"

namespace tenon::ops {
namespace derivatives {
namespace {

using graph::kNone;
using graph::ValueId;
using D = const Derivation&;
/// The derivative by operand i.
using Rule = ValueId (*)(D d, size_t i);

ValueId times(D d, ValueId a, ValueId b) { return d.e.op("Mul", {a, b}); }
ValueId scaled(D d, ValueId a, double f) { return times(d, a, d.e.number(d.e.g.type(a).elem, f)); }
ValueId minus(D d, ValueId a) { return d.e.op("Neg", {a}); }
ValueId plus(D d, ValueId a, double b) { return d.e.op("Add", {a, d.e.number(d.e.g.type(a).elem, b)}); }
ValueId shape_of(D d, ValueId v) { return d.e.op("Shape", {v}); }
ValueId like(D d, ValueId v, ValueId shape) { return d.e.op("Reshape", {v, shape_of(d, shape)}); }

int opset(D d) {
  const auto it = d.e.g.info.opsets.find("");
  return it == d.e.g.info.opsets.end() ? builtin_ops().newest_version("") : it->second;
}
ValueId sum_over(D d, ValueId v, std::vector<int64_t> axes) {
  const graph::Attr keep{"keepdims", int64_t{1}};
  if (opset(d) >= 13) return d.e.op("ReduceSum", {v, d.e.ints(std::move(axes))}, {keep});
  return d.e.op("ReduceSum", {v}, {{"axes", std::move(axes)}, keep});
}

/// v added up over the axes along which operand x was broadcast.
ValueId unbroadcast(D d, ValueId v, ValueId x) {
  const ValueType &tv = d.e.g.type(v), &tx = d.e.g.type(x);
  if (!tv.has_rank || !tx.has_rank)
    fail(ErrorCode::kNotImplemented, "Gradient through a {} whose operands have unknown ranks", d.node.op);
  if (tv.dims == tx.dims) return v;
  const size_t lead = tv.dims.size() - tx.dims.size();
  std::vector<int64_t> axes;
  for (size_t k = 0; k < tv.dims.size(); ++k) {
    const int64_t now = tv.dims[k], was = k < lead ? 1 : tx.dims[k - lead];
    if (now == was && k >= lead) continue;
    if (k >= lead && was != 1)
      fail(ErrorCode::kNotImplemented, "Gradient through a {} whose operands may or may not be broadcast", d.node.op);
    axes.push_back(static_cast<int64_t>(k));
  }
  return like(d, sum_over(d, v, std::move(axes)), x);
}
ValueId flipped(D d, ValueId v) {
  std::vector<int64_t> perm(d.e.g.type(v).dims.size());
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return d.e.op("Transpose", {v}, {{"perm", perm}});
}

ValueId add(D d, size_t i) { return unbroadcast(d, d.dy, d.x(i)); }
ValueId sub(D d, size_t i) { return unbroadcast(d, i == 0 ? d.dy : minus(d, d.dy), d.x(i)); }
ValueId mul(D d, size_t i) { return unbroadcast(d, times(d, d.dy, d.x(1 - i)), d.x(i)); }
ValueId div(D d, size_t i) {
  const ValueId part = d.e.op("Div", {d.dy, d.x(1)});
  return unbroadcast(d, i == 0 ? part : minus(d, times(d, part, d.y)), d.x(i));
}
ValueId pow(D d, size_t i) {
  if (i == 1) return unbroadcast(d, times(d, d.dy, times(d, d.y, d.e.op("Log", {d.x(0)}))), d.x(1));
  const ValueId exponent = d.e.cast(d.x(1), d.type()), less = plus(d, exponent, -1);
  return unbroadcast(d, times(d, d.dy, times(d, exponent, d.e.op("Pow", {d.x(0), less}))), d.x(0));
}
ValueId matmul(D d, size_t i) {
  for (size_t k = 0; k < 2; ++k)
    if (!d.e.g.type(d.x(k)).has_rank || d.e.g.type(d.x(k)).dims.size() < 2)
      fail(ErrorCode::kNotImplemented, "Gradient through a MatMul of vectors or of unknown ranks");
  const ValueId other = flipped(d, d.x(1 - i));
  return unbroadcast(d, i == 0 ? d.e.op("MatMul", {d.dy, other}) : d.e.op("MatMul", {other, d.dy}), d.x(i));
}
ValueId gemm(D d, size_t i) {
  const auto& a = d.node.attrs;
  if (i == 2) return unbroadcast(d, scaled(d, d.dy, static_cast<double>(a.get_float("beta", 1))), d.x(2));
  const bool turned[] = {a.get_int("transA", 0) != 0, a.get_int("transB", 0) != 0};
  const ValueId dy = scaled(d, d.dy, static_cast<double>(a.get_float("alpha", 1)));
  const ValueId other = turned[1 - i] ? d.x(1 - i) : flipped(d, d.x(1 - i));
  const ValueId product = i == 0 ? d.e.op("MatMul", {dy, other}) : d.e.op("MatMul", {other, dy});
  return turned[i] ? flipped(d, product) : product;
}

ValueId same(D d, size_t) { return d.dy; }
ValueId neg(D d, size_t) { return minus(d, d.dy); }
ValueId relu(D d, size_t) {
  const ValueId on = d.e.op("Greater", {d.x(0), d.e.number(d.type(), 0)});
  return times(d, d.dy, d.e.cast(on, d.type()));
}
ValueId sigmoid(D d, size_t) { return times(d, d.dy, times(d, d.y, plus(d, minus(d, d.y), 1))); }
ValueId tanh(D d, size_t) { return times(d, d.dy, plus(d, minus(d, times(d, d.y, d.y)), 1)); }
ValueId exp(D d, size_t) { return times(d, d.dy, d.y); }
ValueId log(D d, size_t) { return d.e.op("Div", {d.dy, d.x(0)}); }
ValueId sqrt(D d, size_t) { return d.e.op("Div", {scaled(d, d.dy, 0.5), d.y}); }
ValueId abs(D d, size_t) { return times(d, d.dy, d.e.op("Sign", {d.x(0)})); }
ValueId sin(D d, size_t) { return times(d, d.dy, d.e.op("Cos", {d.x(0)})); }
ValueId cos(D d, size_t) { return minus(d, times(d, d.dy, d.e.op("Sin", {d.x(0)}))); }
ValueId reciprocal(D d, size_t) { return minus(d, times(d, d.dy, times(d, d.y, d.y))); }
ValueId softplus(D d, size_t) { return times(d, d.dy, d.e.op("Sigmoid", {d.x(0)})); }
ValueId erf(D d, size_t) {
  const ValueId bell = d.e.op("Exp", {minus(d, times(d, d.x(0), d.x(0)))});
  return times(d, d.dy, scaled(d, bell, 2 / std::sqrt(std::acos(-1.0))));
}
ValueId softmax(D d, size_t) {
  if (opset(d) < 13) fail(ErrorCode::kNotImplemented, "Gradient through the {} of opset {}", d.node.op, opset(d));
  const std::vector<int64_t> axis{d.node.attrs.get_int("axis", -1)};
  if (d.node.op == "LogSoftmax") return d.e.op("Sub", {d.dy, times(d, d.e.op("Exp", {d.y}), sum_over(d, d.dy, axis))});
  return times(d, d.y, d.e.op("Sub", {d.dy, sum_over(d, times(d, d.dy, d.y), axis)}));
}
/// ReduceSum and ReduceMean: dy spread over what was added up.
ValueId reduce(D d, size_t) {
  graph::Attrs attrs = d.node.attrs;
  attrs.set("keepdims", int64_t{1});
  std::vector<ValueId> inputs(d.node.operands().begin(), d.node.operands().end());
  const ValueId kept = d.e.op(d.node.op, inputs, attrs);
  const ValueId spread = d.e.op("Expand", {like(d, d.dy, kept), shape_of(d, d.x(0))});
  if (d.node.op == "ReduceSum") return spread;
  const auto count = [&](ValueId v) { return d.e.cast(d.e.op("Size", {v}), d.type()); };
  return times(d, spread, d.e.op("Div", {count(d.y), count(d.x(0))}));
}
ValueId expand(D d, size_t i) { return i == 0 ? unbroadcast(d, d.dy, d.x(0)) : kNone; }
ValueId reshape(D d, size_t i) { return i == 0 ? like(d, d.dy, d.x(0)) : kNone; }
ValueId transpose(D d, size_t) {
  const auto perm = d.node.attrs.get_ints("perm");
  if (perm.empty()) return d.e.op("Transpose", {d.dy});
  std::vector<int64_t> back(perm.size());
  for (size_t k = 0; k < perm.size(); ++k)
    back[static_cast<size_t>(resolve_axis(perm[k], perm.size()))] = static_cast<int64_t>(k);
  return d.e.op("Transpose", {d.dy}, {{"perm", back}});
}
ValueId cast(D d, size_t) {
  const DType t = d.e.g.type(d.x(0)).elem;
  return is_float(t) ? d.e.cast(d.dy, t) : kNone;
}
ValueId where(D d, size_t i) {
  if (i == 0) return kNone;
  const ValueId zero = d.e.number(d.type(), 0);
  return unbroadcast(d, d.e.op("Where", {d.x(0), i == 1 ? d.dy : zero, i == 1 ? zero : d.dy}), d.x(i));
}

constexpr struct {
  std::string_view op;
  Rule rule;
} kRules[] = {
    {"Abs", abs},
    {"Add", add},
    {"Cast", cast},
    {"Cos", cos},
    {"Div", div},
    {"Erf", erf},
    {"Exp", exp},
    {"Expand", expand},
    {"Flatten", reshape},
    {"Gemm", gemm},
    {"Identity", same},
    {"Log", log},
    {"LogSoftmax", softmax},
    {"MatMul", matmul},
    {"Mul", mul},
    {"Neg", neg},
    {"Pow", pow},
    {"Reciprocal", reciprocal},
    {"ReduceMean", reduce},
    {"ReduceSum", reduce},
    {"Relu", relu},
    {"Reshape", reshape},
    {"Sigmoid", sigmoid},
    {"Sin", sin},
    {"Softmax", softmax},
    {"Softplus", softplus},
    {"Sqrt", sqrt},
    {"Squeeze", reshape},
    {"Sub", sub},
    {"Tanh", tanh},
    {"Transpose", transpose},
    {"Unsqueeze", reshape},
    {"Where", where},
};

}  // namespace
}  // namespace derivatives

std::vector<graph::ValueId> derive(const Derivation& d, const std::vector<bool>& wanted) {
  const auto row = std::ranges::find_if(derivatives::kRules, [&](const auto& r) { return r.op == d.node.op; });
  if (row == std::end(derivatives::kRules) || !d.node.domain.empty()) {
    std::string known;
    for (const auto& r : derivatives::kRules) known += fmt::format("{}{}", known.empty() ? "" : ", ", r.op);
    fail(ErrorCode::kNotImplemented, "Gradient passes node \"{}\" ({}), expected one of {}", d.node.name, d.node.op,
         known);
  }
  std::vector<graph::ValueId> out(d.node.operands().size(), graph::kNone);
  for (size_t i = 0; i < out.size(); ++i)
    if (wanted[i]) out[i] = row->rule(d, i);
  return out;
}

}  // namespace tenon::ops
