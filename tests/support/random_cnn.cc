// Makes random graphs over images: every value that the next node may read has shape [n, 4, 6, 5].
#include <algorithm>
#include <set>

#include "ops/infer_types.h"
#include "ops/op.h"
#include "support/random_graph.h"

namespace tenon::test {
namespace random_cnn_graph {
namespace {

using graph::Attrs;
using graph::Graph;
using graph::kNone;
using graph::NodeId;
using graph::ValueId;

constexpr int64_t kChannels = 4;

class Maker {
 public:
  Maker(Graph& g, Rng& rng) : g_(g), rng_(rng) {}

  ValueId op(const char* name, std::vector<ValueId> inputs, Attrs attrs = {}, size_t results = 1) {
    graph::Node n;
    n.op = name;
    n.def = ops::builtin_ops().find("", name, 17);
    n.since_version = n.def->since;
    n.inputs = std::move(inputs);
    n.attrs = std::move(attrs);
    const std::vector<std::string> names(results, std::string(name) + "_out");
    const NodeId id = g_.add_node(0, std::move(n), names);
    g_.edit(id).name = "n" + std::to_string(id);
    return g_.node(id).outputs[0];
  }

  ValueId floats(Dims dims, bool positive = false) {
    Value v = Value::tensor(DType::kFloat, dims);
    for (float& f : v.as_mutable<float>()) f = static_cast<float>(pick(rng_, 200) - (positive ? -10 : 100)) / 256;
    return g_.add_constant("c", v);
  }
  ValueId ints(const std::vector<int64_t>& list) {
    Value v = Value::tensor(DType::kInt64, Dims{static_cast<int64_t>(list.size())});
    std::ranges::copy(list, v.as_mutable<int64_t>().begin());
    return g_.add_constant("i", v);
  }

  ValueId conv(ValueId x, int64_t in) {
    const int64_t k = pick(rng_, 2) ? 3 : 1, pad = k / 2;
    return op("Conv", {x, floats({kChannels, in, k, k}), floats({kChannels})},
              {{"pads", std::vector<int64_t>{pad, pad, pad, pad}}});
  }

  /// A node or two from a (and b) to the same shape.
  ValueId step(ValueId a, ValueId b) {
    const std::vector<int64_t> window = {3, 3}, pads = {1, 1, 1, 1};
    switch (pick(rng_, 16)) {
      case 0:
      case 1:
      case 2:
        return conv(a, kChannels);
      case 3:
        return op("Relu", {a});
      case 4:
        return op(pick(rng_, 2) ? "Add" : "Mul", {a, b});
      case 5:
        return op("Mul", {a, floats(pick(rng_, 2) ? Dims{1, kChannels, 1, 1} : Dims{kChannels, 1, 1})});
      case 6:
        return op("Add", {a, floats({5})});  // along the width
      case 7:
        return op(pick(rng_, 2) ? "MaxPool" : "AveragePool", {a}, {{"kernel_shape", window}, {"pads", pads}});
      case 8:
        return op("BatchNormalization",
                  {a, floats({kChannels}), floats({kChannels}), floats({kChannels}), floats({kChannels}, true)});
      case 9:
        return op("Mul", {a, op(pick(rng_, 2) ? "GlobalAveragePool" : "GlobalMaxPool", {b})});
      case 10:
        return conv(op("Concat", {a, b}, {{"axis", int64_t{1}}}), 2 * kChannels);
      case 11:
        return op("Sub", {a, op("ReduceMean", {b}, {{"axes", std::vector<int64_t>{1}}})});
      case 12: {
        const ValueId wide = op("Pad", {a, ints({0, 0, 1, 1, 0, 0, 1, 1})});
        return op("MaxPool", {wide}, {{"kernel_shape", window}});
      }
      case 13:
        return op("Softmax", {a}, {{"axis", int64_t{pick(rng_, 4)}}});
      case 14: {
        const std::vector<int64_t> there = {0, 2, 3, 1}, back = {0, 3, 1, 2};
        return op("Transpose", {op("Sigmoid", {op("Transpose", {a}, {{"perm", there}})})}, {{"perm", back}});
      }
      default:
        return op("Reshape", {a, ints({-1, kChannels, 6, 5})});
    }
  }

 private:
  Graph& g_;
  Rng& rng_;
};

}  // namespace
}  // namespace random_cnn_graph

std::unique_ptr<graph::Graph> random_cnn(Rng& rng, int nodes) {
  using namespace random_cnn_graph;
  auto g = std::make_unique<Graph>();
  g->info.opsets[""] = 17;
  const int64_t n = g->symbols().named("n");
  std::vector<ValueId> values;
  for (int i = 0; i < 2; ++i)
    values.push_back(g->add_input("x" + std::to_string(i), ValueType::tensor(DType::kFloat, {n, kChannels, 6, 5})));
  Maker make(*g, rng);
  while (static_cast<int>(g->live_nodes()) < nodes) {
    // Mostly what came last, so that chains form.
    const auto any = [&] {
      const auto size = static_cast<int>(values.size());
      return values[static_cast<size_t>(pick(rng, 3) ? size - 1 - pick(rng, std::min(size, 3)) : pick(rng, size))];
    };
    const ValueId a = any(), b = any();
    values.push_back(make.step(a, b));
  }
  std::vector<ValueId> results;
  for (ValueId v : values)
    if (g->producer(v) != kNone && (g->value(v).uses.empty() || pick(rng, 8) == 0)) results.push_back(v);
  g->set_results(0, results);
  for (ValueId v : results) g->edit_region(0).result_names.push_back(g->value(v).name);
  ops::infer_types(*g);
  return g;
}

std::vector<Value> images_of(Rng& rng, int64_t n) {
  std::vector<Value> feeds;
  for (int i = 0; i < 2; ++i) {
    Value v = Value::tensor(DType::kFloat, Dims{n, random_cnn_graph::kChannels, 6, 5});
    for (float& f : v.as_mutable<float>()) f = static_cast<float>(pick(rng, 2000) - 1000) / 512;
    feeds.push_back(v);
  }
  return feeds;
}

}  // namespace tenon::test
