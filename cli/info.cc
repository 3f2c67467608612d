// info.cc: tenon info: what a model declares and what it is made of. Nothing is optimised or run.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "command.h"
#include "describe.h"
#include "graph/text.h"
#include "onnx/load.h"
#include "ops/op.h"
#include "session/signature.h"

namespace tenon::cli {
namespace {

struct Options {
  std::string model;
  bool json = false, graph = false, full = false;
};

struct Contents {
  std::map<std::string, int64_t> ops;  ///< "MatMul", "com.microsoft.Gelu" → nodes, subgraphs included
  int64_t nodes = 0, subgraphs = 0, weights = 0;
  double parameters = 0, weight_bytes = 0;
};

Contents count(const graph::Graph& g) {
  Contents c;
  for (graph::NodeId n = 0; n < g.node_limit(); ++n) {
    const graph::Node& node = g.node(n);
    if (!node.alive) continue;
    ++c.ops[node.domain.empty() ? node.op : node.domain + "." + node.op];
    ++c.nodes;
    c.subgraphs += static_cast<int64_t>(node.regions.size());
  }
  for (graph::ValueId v = 0; v < g.value_limit(); ++v) {
    const Value& data = g.value(v).data;
    if (!data) continue;
    ++c.weights;
    c.parameters += static_cast<double>(data.count());
    c.weight_bytes += static_cast<double>(data.bytes());
  }
  return c;
}

struct Signature {
  std::vector<NodeArg> inputs, defaults, outputs;
};

Signature signature(const graph::Graph& g) {
  Signature s;
  const graph::Region& r = g.region();
  for (graph::ValueId v : r.args) {
    const graph::ValueInfo& info = g.value(v);
    (info.data ? s.defaults : s.inputs).push_back(session::node_arg(g, info.name, info.type));
  }
  for (size_t i = 0; i < r.results.size(); ++i) {
    const graph::ValueInfo& info = g.value(r.results[i]);
    s.outputs.push_back(session::node_arg(g, i < r.result_names.size() ? r.result_names[i] : info.name, info.type));
  }
  return s;
}

nlohmann::json list(const std::vector<NodeArg>& args) {
  nlohmann::json j = nlohmann::json::array();
  for (const NodeArg& a : args) j.push_back(to_json(a));
  return j;
}

void print_json(const graph::Graph& g, const Signature& s, const Contents& c) {
  nlohmann::json j;
  j["graph"] = g.name;
  j["ir_version"] = g.info.ir_version;
  j["producer"] = {{"name", g.info.producer_name}, {"version", g.info.producer_version}};
  j["domain"] = g.info.domain;
  j["model_version"] = g.info.model_version;
  j["description"] = g.info.doc_string;
  for (const auto& [domain, version] : g.info.opsets) j["opsets"][domain.empty() ? "ai.onnx" : domain] = version;
  j["inputs"] = list(s.inputs);
  j["overridable_initializers"] = list(s.defaults);
  j["outputs"] = list(s.outputs);
  j["ops"] = c.ops;
  j["nodes"] = c.nodes;
  j["subgraphs"] = c.subgraphs;
  j["functions"] = g.functions.size();
  j["initializers"] = {{"count", c.weights}, {"elements", c.parameters}, {"bytes", c.weight_bytes}};
  j["metadata"] = nlohmann::json::object();
  for (const auto& [key, value] : g.info.metadata) j["metadata"][key] = value;
  fmt::print("{}\n", j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_args(const char* title, const std::vector<NodeArg>& args) {
  if (args.empty()) return;
  fmt::print("{}\n", title);
  for (const NodeArg& a : args) fmt::print("  {}: {}\n", a.name, type_text(a));
}

void print_text(const graph::Graph& g, const Signature& s, const Contents& c) {
  std::string opsets;
  for (const auto& [domain, version] : g.info.opsets)
    opsets += fmt::format("{}{} {}", opsets.empty() ? "" : ", ", domain.empty() ? "ai.onnx" : domain, version);
  fmt::print("graph {}, IR version {}, opsets {}\n", g.name, g.info.ir_version, opsets);
  if (!g.info.producer_name.empty()) fmt::print("made by {} {}\n", g.info.producer_name, g.info.producer_version);
  if (!g.info.doc_string.empty()) fmt::print("{}\n", g.info.doc_string);
  print_args("inputs", s.inputs);
  print_args("inputs with a default", s.defaults);
  print_args("outputs", s.outputs);
  fmt::print("{} nodes", c.nodes);
  if (c.subgraphs) fmt::print(", {} subgraphs", c.subgraphs);
  if (!g.functions.empty()) fmt::print(", {} functions", g.functions.size());
  fmt::print("; {} initializers, {} elements, {}\n", c.weights, count_text(c.parameters), bytes_text(c.weight_bytes));
  std::vector<std::pair<std::string, int64_t>> ops(c.ops.begin(), c.ops.end());
  std::stable_sort(ops.begin(), ops.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [op, n] : ops) fmt::print("  {:>6}  {}\n", n, op);
  if (!g.info.metadata.empty()) fmt::print("metadata\n");
  for (const auto& [key, value] : g.info.metadata) fmt::print("  {}: {}\n", key, value);
}

int info(const Options& o) {
  const auto g = onnx::load_file(o.model, {.ops = ops::builtin_ops()});
  if (o.graph) {
    fmt::print("{}\n", graph::print(*g, o.full));
    return kOk;
  }
  const Signature s = signature(*g);
  const Contents c = count(*g);
  o.json ? print_json(*g, s, c) : print_text(*g, s, c);
  return kOk;
}

}  // namespace

void add_info(CLI::App& app, int& status) {
  auto o = std::make_shared<Options>();
  CLI::App& c = *app.add_subcommand("info", "Show inputs, outputs, operators and metadata of a model");
  c.add_option("MODEL", o->model, "ONNX file")->required();
  CLI::Option* json = c.add_flag("--json", o->json, "Print JSON");
  CLI::Option* graph = c.add_flag("--graph", o->graph, "Print the graph as text")->excludes(json);
  c.add_flag("--full", o->full, "With --graph: print large constants, too")->needs(graph);
  c.callback([o, &status] { status = info(*o); });
}

}  // namespace tenon::cli
