// SequenceMap: a body applied to the items of sequences one by one; other tensors are the same for each item.
#include "graph/copy_nodes.h"
#include "ops/expand.h"
#include "ops/move.h"

namespace tenon::ops::sequence_map {
namespace {

using graph::kNone;
using graph::ValueId;

void infer(InferContext& c) {
  std::vector<ValueType> args, results;
  for (size_t i = 0; i < c.num_inputs(); ++i) {
    const bool items = i == 0 || c.type(i).kind == ValueKind::kSequence;
    args.push_back(items ? expect_items(c, i) : c.type(i));
    // Items differ in shape, and their type says what they share.
    for (int64_t& d : args.back().dims)
      if (items && is_symbol(d)) d = c.fresh();
  }
  if (!c.infer_region(0, args, &results)) {
    for (size_t j = 0; j < c.num_outputs(); ++j)
      if (const ValueType* t = c.known_output(j)) c.set_type(j, *t);
    return;
  }
  if (results.size() != c.num_outputs())
    fail(ErrorCode::kInvalidGraph, "the node has {} outputs, its body {}", c.num_outputs(), results.size());
  for (size_t j = 0; j < results.size(); ++j) {
    if (!results[j].is_tensor()) fail(ErrorCode::kInvalidGraph, "output {} of the body is no tensor", j);
    for (int64_t& d : results[j].dims)
      if (is_symbol(d)) d = c.fresh();
    c.set_type(j, ValueType::sequence(results[j]));
  }
}

/// A Loop over positions that takes items out of the sequences and collects the results in others.
std::vector<ValueId> expand(graph::Graph& g, graph::NodeId id) {
  const graph::Node node = g.node(id);
  const graph::RegionId from = node.regions[0];
  Expansion outer(g, id);
  std::vector<ValueId> inputs{outer.op("SequenceLength", {node.inputs[0]}), kNone};
  for (ValueId v : node.outputs) {
    const DType t = v == kNone || !g.type(v).inner ? DType::kFloat : g.type(v).inner->elem;
    inputs.push_back(outer.op("SequenceEmpty", {}, {{"dtype", static_cast<int64_t>(t)}}));
  }
  const graph::NodeId loop = outer.open("Loop", inputs, node.outputs.size());
  const graph::RegionId body = g.add_region(loop, "body");
  const ValueId at = g.add_argument(body, node.name + "/at", ValueType::tensor(DType::kInt64, {}));
  const ValueId go = g.add_argument(body, node.name + "/go", ValueType::tensor(DType::kBool, {}));
  std::vector<ValueId> made;
  for (size_t j = 0; j < node.outputs.size(); ++j)
    made.push_back(g.add_argument(body, node.name + "/made", g.type(inputs[2 + j])));
  Expansion inner(g, body, node.name);
  graph::ValueMap map;
  const std::vector<ValueId> formal = g.region(from).args;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId v = g.add_capture(loop, node.inputs[i], body);
    if (g.type(v).elem == DType::kUndefined) g.set_type(v, g.type(node.inputs[i]));
    const bool item = i < node.operands().size() && g.type(node.inputs[i]).kind == ValueKind::kSequence;
    map[formal[i]] = item ? inner.op("SequenceAt", {v, at}) : v;
  }
  graph::copy_nodes(g, from, body, kNone, map);
  std::vector<ValueId> results{inner.op("Identity", {go})};
  for (size_t j = 0; j < made.size(); ++j) {
    const ValueId v = g.region(from).results[j];
    const auto copy = map.find(v);
    results.push_back(inner.op("SequenceInsert", {made[j], copy == map.end() ? v : copy->second}));
  }
  g.set_results(body, results);
  outer.settle(loop);
  return g.node(loop).outputs;
}

constexpr AttrDef kAttrs[] = {required_attr("body", AttrKind::kGraph)};
constexpr Port kIn[] = {{"input_sequence", kIr3Set, "S", PortUse::kSingle, kSequences},
                        {"additional_inputs", kIr3Set, "V", PortUse::kVariadic, kTensors | kSequences, true, 0}};
constexpr Port kOut[] = {{"out_sequence", kIr3Set, "S", PortUse::kVariadic, kSequences, true}};
constexpr OpDef kOps[] = {{.name = "SequenceMap",
                           .since = 17,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .expand = expand}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::sequence_map
