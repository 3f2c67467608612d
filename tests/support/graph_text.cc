// Graphs from text and their plain evaluation.
#include "support/graph_text.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "graph/text.h"
#include "graph/verify.h"
#include "ops/infer_types.h"
#include "ops/op.h"
#include "support/op_runner.h"

namespace tenon::test {

std::unique_ptr<graph::Graph> parse_graph(std::string_view text, const graph::OpSet* ops) {
  auto g = graph::parse(text, ops ? *ops : ops::builtin_ops());
  ops::infer_types(*g);
  graph::verify(*g);
  return g;
}

std::vector<Value> random_feeds(const graph::Graph& g, uint32_t seed, int64_t symbol_size) {
  std::vector<Value> feeds;
  for (graph::ValueId v : g.region().args) {
    const ValueType& t = g.type(v);
    std::vector<int64_t> dims(t.dims.begin(), t.dims.end());
    for (int64_t& d : dims)
      if (is_symbol(d)) d = symbol_size;
    const auto count = static_cast<size_t>(element_count(dims));
    const bool real = is_float(t.elem);
    std::vector<double> data = random_numbers(count, real ? -2 : 0, t.elem == DType::kBool ? 2 : real ? 2 : 4, seed++);
    if (!real)
      for (double& x : data) x = std::floor(x);
    if (t.elem == DType::kBool) {
      Value b = Value::tensor(t.elem, dims);
      for (size_t i = 0; i < count; ++i) b.as_mutable<bool>()[i] = data[i] != 0;
      feeds.push_back(std::move(b));
    } else {
      feeds.push_back(numbers(t.elem, dims, data));
    }
  }
  return feeds;
}

std::vector<Value> evaluate(const graph::Graph& g, const std::vector<Value>& feeds) {
  std::map<graph::ValueId, Value> values;
  for (size_t i = 0; i < feeds.size(); ++i) values[g.region().args[i]] = feeds[i];
  const auto get = [&](graph::ValueId v) {
    if (v == graph::kNone) return Value();
    return g.is_constant(v) ? g.constant(v) : values.at(v);
  };
  for (graph::NodeId id : g.region().nodes) {
    const graph::Node& n = g.node(id);
    if (!n.regions.empty() || !n.def) fail(ErrorCode::kNotImplemented, "test evaluation of {}", n.op);
    std::vector<Value> inputs;
    for (graph::ValueId v : n.inputs) inputs.push_back(get(v));
    RunSettings settings;
    settings.check_variants = false;
    const auto out = run_op(n.domain, n.op, n.since_version, inputs, n.attrs, n.outputs.size(), settings);
    for (size_t k = 0; k < n.outputs.size(); ++k)
      if (n.outputs[k] != graph::kNone) values[n.outputs[k]] = out[k];
  }
  std::vector<Value> results;
  for (graph::ValueId v : g.region().results) results.push_back(get(v));
  return results;
}

double max_difference(const Value& a, const Value& b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a.dtype() != b.dtype() || dims_of(a) != dims_of(b)) return kInfinity;
  const std::vector<double> x = as_doubles(a), y = as_doubles(b);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) != std::isnan(y[i])) return kInfinity;
    if (x[i] != y[i] && !std::isnan(x[i])) worst = std::max(worst, std::abs(x[i] - y[i]));
  }
  return worst;
}

}  // namespace tenon::test
