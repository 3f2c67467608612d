// Nodes that stand for another node.
#include "ops/expand.h"

#include "ops/op.h"

namespace tenon::ops {

using graph::NodeId;
using graph::ValueId;

namespace {

int version_of(const graph::Graph& g) {
  const auto imported = g.info.opsets.find("");
  return imported == g.info.opsets.end() ? builtin_ops().newest_version("") : imported->second;
}

}  // namespace

Expansion::Expansion(graph::Graph& graph, NodeId before)
    : g(graph),
      region_(graph.node(before).region),
      before_(before),
      name_(graph.node(before).name),
      version_(version_of(graph)) {}

Expansion::Expansion(graph::Graph& graph, graph::RegionId body, std::string name)
    : g(graph), region_(body), name_(std::move(name)), version_(version_of(graph)) {}

NodeId Expansion::open(std::string_view name, std::vector<ValueId> inputs, size_t outputs) {
  graph::Node node;
  node.op = name;
  node.def = builtin_ops().find("", name, version_);
  if (!node.def)
    fail(ErrorCode::kInvalidGraph, "node \"{}\" needs {}, which ai.onnx {} does not have", name_, name, version_);
  node.since_version = node.def->since;
  node.name = fmt::format("{}/{}", name_, name);
  node.inputs = std::move(inputs);
  const std::vector<std::string> names(outputs, node.name);
  return g.add_node(region_, std::move(node), names, before_);
}

void Expansion::settle(NodeId n) { infer_node(g, n, ints_); }

std::vector<ValueId> Expansion::ops(std::string_view name, std::vector<ValueId> inputs, graph::Attrs attrs,
                                    size_t outputs) {
  const NodeId n = open(name, std::move(inputs), outputs);
  g.edit(n).attrs = std::move(attrs);
  settle(n);
  return g.node(n).outputs;
}

ValueId Expansion::op(std::string_view name, std::vector<ValueId> inputs, graph::Attrs attrs) {
  return ops(name, std::move(inputs), std::move(attrs), 1)[0];
}

ValueId Expansion::ints(std::vector<int64_t> values) {
  const int64_t dims[] = {static_cast<int64_t>(values.size())};
  Value v = Value::tensor(DType::kInt64, dims);
  std::copy(values.begin(), values.end(), v.as_mutable<int64_t>().begin());
  return g.add_constant(name_ + "/ints", std::move(v));
}

ValueId Expansion::number(DType t, double value) {
  Value v = Value::tensor(t, {});
  if (t == DType::kFloat16)
    v.as_mutable<Half>()[0] = to_half(static_cast<float>(value));
  else if (t == DType::kBFloat16)
    v.as_mutable<BFloat16>()[0] = to_bfloat16(static_cast<float>(value));
  else
    visit<NumericTypes>(t, [&]<class T>() { v.as_mutable<T>()[0] = static_cast<T>(value); });
  return g.add_constant(name_ + "/number", std::move(v));
}

ValueId Expansion::cast(ValueId v, DType t) {
  return g.type(v).elem == t ? v : op("Cast", {v}, {{"to", static_cast<int64_t>(t)}});
}

}  // namespace tenon::ops
