// Makes random graphs.
#include "support/random_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "ops/infer_types.h"
#include "ops/op.h"

namespace tenon::test {

using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::ValueId;

namespace {

NodeId add(Graph& g, const char* op, std::vector<ValueId> inputs, graph::Attrs attrs = {}) {
  graph::Node n;
  n.op = op;
  n.def = ops::builtin_ops().find("", op, 17);
  n.since_version = n.def->since;
  n.inputs = std::move(inputs);
  n.attrs = std::move(attrs);
  const std::string names[] = {std::string(op) + "_out"};
  return g.add_node(0, std::move(n), names);
}

}  // namespace

int pick(Rng& rng, int n) { return static_cast<int>(rng() % static_cast<uint64_t>(n)); }

std::unique_ptr<Graph> random_graph(Rng& rng, int nodes) {
  auto g = std::make_unique<Graph>();
  g->info.opsets[""] = 17;
  const int64_t n = g->symbols().named("n");
  std::vector<ValueId> values;
  for (int i = 0; i < 2; ++i)
    values.push_back(g->add_input("x" + std::to_string(i), ValueType::tensor(DType::kFloat, {2, n})));
  const ValueId flat = g->add_constant("flat", Value::tensor(DType::kInt64, Dims{2}));
  g->edit_value(flat).data.as_mutable<int64_t>()[0] = 2;
  g->edit_value(flat).data.as_mutable<int64_t>()[1] = -1;
  Value w = Value::tensor(DType::kFloat, Dims{2, 1});
  w.as_mutable<float>()[0] = 0.5f;
  w.as_mutable<float>()[1] = -1.25f;
  const ValueId weight = g->add_constant("w", w);
  std::set<ValueId> read;
  for (int k = 0; k < nodes; ++k) {
    const ValueId a = values[static_cast<size_t>(pick(rng, static_cast<int>(values.size())))];
    const ValueId b = values[static_cast<size_t>(pick(rng, static_cast<int>(values.size())))];
    read.insert(a);
    NodeId made;
    switch (pick(rng, 8)) {
      case 0:
        made = add(*g, "Relu", {a});
        break;
      case 1:
        made = add(*g, "Mul", {a, weight});
        break;
      case 2:
        made = add(*g, "Reshape", {a, flat});
        break;
      case 3: {  // a target that only the run knows
        ValueId target = g->node(add(*g, "Shape", {b})).outputs[0];
        if (pick(rng, 2)) {  // through floats nobody follows it: the run ends a segment to look
          const ValueId as_float = g->node(add(*g, "Cast", {target}, {{"to", int64_t{1}}})).outputs[0];
          const ValueId relu = g->node(add(*g, "Relu", {as_float})).outputs[0];
          target = g->node(add(*g, "Cast", {relu}, {{"to", int64_t{7}}})).outputs[0];
        }
        made = add(*g, "Reshape", {a, target});
        read.insert(b);
        break;
      }
      case 4:
        made = add(*g, "Tanh", {a});
        break;
      default:
        made = add(*g, pick(rng, 2) ? "Add" : "Max", {a, b});
        read.insert(b);
    }
    values.push_back(g->node(made).outputs[0]);
  }
  std::vector<ValueId> results;
  for (ValueId v : values)
    if (!read.contains(v) && g->producer(v) != kNone) results.push_back(v);
  if (results.empty()) results.push_back(values.back());
  if (pick(rng, 3) == 0 && g->producer(values[values.size() / 2]) != kNone && !g->pinned(values[values.size() / 2])) {
    const ValueId v = values[values.size() / 2];
    if (std::ranges::find(results, v) == results.end()) results.push_back(v);
  }
  g->set_results(0, results);
  for (ValueId v : results) g->edit_region(0).result_names.push_back(g->value(v).name);
  ops::infer_types(*g);
  return g;
}

std::vector<Value> feeds_of(Rng& rng, int64_t n) {
  std::vector<Value> feeds;
  for (int i = 0; i < 2; ++i) {
    Value v = Value::tensor(DType::kFloat, Dims{2, n});
    for (float& f : v.as_mutable<float>()) f = static_cast<float>(pick(rng, 2000) - 1000) / 256;
    feeds.push_back(v);
  }
  return feeds;
}

void expect_same(const std::vector<Value>& a, const std::vector<Value>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_TRUE(std::ranges::equal(a[i].dims(), b[i].dims())) << what;
    if (a[i].bytes()) {
      ASSERT_EQ(std::memcmp(a[i].data(), b[i].data(), a[i].bytes()), 0) << what << ", result " << i;
    }
  }
}

}  // namespace tenon::test
