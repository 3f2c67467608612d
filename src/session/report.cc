// LoadReport as JSON, and the op table as JSON.
#include <nlohmann/json.hpp>

#include "ops/op.h"
#include "tenon/session.h"

namespace tenon {
namespace {

using nlohmann::json;

const char* kind_name(graph::AttrKind k) {
  static constexpr const char* kNames[] = {"int",           "float", "string", "tensor",  "graph",  "type",
                                           "sparse_tensor", "ints",  "floats", "strings", "tensors"};
  return kNames[static_cast<size_t>(k)];
}

json port_json(const graph::Port& p) {
  json types = json::array();
  const auto add = [&](uint8_t kind, const char* prefix, const char* suffix) {
    if (!(p.kinds & kind)) return;
    for (int t = 1; t < kNumDTypes; ++t)
      if (contains(p.types, static_cast<DType>(t)))
        types.push_back(prefix + ("tensor(" + std::string(dtype_name(static_cast<DType>(t))) + ")") + suffix);
  };
  add(graph::kTensors, "", "");
  add(graph::kSequences, "seq(", ")");
  add(graph::kOptionals, "optional(", ")");
  static constexpr const char* kUse[] = {"single", "optional", "variadic"};
  return {{"name", p.name},
          {"var", p.var},
          {"use", kUse[static_cast<size_t>(p.use)]},
          {"types", types},
          {"heterogeneous", p.heterogeneous},
          {"maps", (p.kinds & graph::kMaps) != 0},
          {"min_count", p.min_count}};
}

json attr_json(const graph::AttrDef& a) {
  json j = {{"name", a.name}, {"kind", kind_name(a.kind)}, {"required", a.required}};
  if (a.has_default) {
    if (a.kind == graph::AttrKind::kString)
      j["default"] = a.text;
    else if (a.kind == graph::AttrKind::kInt)
      j["default"] = static_cast<int64_t>(a.number);
    else
      j["default"] = a.number;
  }
  return j;
}

const char* runs_name(const graph::OpDef& op) {
  switch (op.lowering) {
    case graph::Lowering::kView:
      return "view";
    case graph::Lowering::kIf:
    case graph::Lowering::kLoop:
    case graph::Lowering::kScan:
      return "body";
    default:
      return op.make ? "kernel" : "function";
  }
}

}  // namespace

std::string op_table_json() {
  json out = json::array();
  for (const graph::OpDef* op : ops::builtin_ops().all()) {
    json in = json::array(), results = json::array(), attrs = json::array();
    for (const auto& p : op->inputs) in.push_back(port_json(p));
    for (const auto& p : op->outputs) results.push_back(port_json(p));
    for (const auto& a : op->attrs) attrs.push_back(attr_json(a));
    out.push_back({{"domain", op->domain},
                   {"name", op->name},
                   {"since", op->since},
                   {"until", op->until},
                   {"inputs", in},
                   {"outputs", results},
                   {"attributes", attrs},
                   {"runs", runs_name(*op)},
                   {"inplace", op->inplace != 0},
                   {"has_body", op->body != nullptr},
                   {"deterministic", op->deterministic},
                   {"deprecated", op->deprecated}});
  }
  return out.dump(1);
}

LoadReport::Placement LoadReport::placement() const { return make_placement ? make_placement() : Placement(); }

namespace {

json measured_json(const LoadReport::Placement::Measured& m) {
  json j = {{"source", m.source}, {"chosen", m.chosen}, {"notes", m.notes}};
  for (const char* list : {"candidates", "links", "nodes"}) j[list] = json::array();
  const auto time = [](double us) { return us < 0 ? json() : json(us); };
  for (const auto& c : m.candidates)
    j["candidates"].push_back(
        {{"name", c.name}, {"us", time(c.us)}, {"predicted_us", time(c.predicted_us)}, {"note", c.note}});
  for (const auto& l : m.links)
    j["links"].push_back(
        {{"from", l.from}, {"to", l.to}, {"latency_us", l.latency_us}, {"ns_per_byte", l.ns_per_byte}});
  for (const auto& n : m.nodes) {
    json costs = json::array();
    for (const auto& c : n.costs) costs.push_back({{"provider", c.provider}, {"us", c.us}, {"estimated", c.estimated}});
    j["nodes"].push_back(
        {{"node", n.name}, {"op", n.op}, {"cut", n.cut}, {"copies_us", n.copies_us}, {"costs", costs}});
  }
  return j;
}

json placement_json(const LoadReport::Placement& p) {
  json j = {{"summary", p.summary}, {"uploaded_bytes", p.uploaded_bytes}};
  for (const char* list : {"providers", "nodes", "refusals", "copies"}) j[list] = json::array();
  for (const auto& x : p.providers)
    j["providers"].push_back({{"provider", x.key}, {"nodes", x.nodes}, {"groups", x.groups}});
  for (const auto& n : p.nodes)
    j["nodes"].push_back({{"node", n.name},
                          {"op", n.op},
                          {"provider", n.provider},
                          {"group", n.group.empty() ? json() : json(n.group)},
                          {"why", n.why},
                          {"from", n.from}});
  for (const auto& r : p.refusals)
    j["refusals"].push_back({{"node", r.node}, {"op", r.op}, {"provider", r.provider}, {"reason", r.reason}});
  for (const auto& c : p.copies)
    j["copies"].push_back(
        {{"value", c.value}, {"from", c.from}, {"to", c.to}, {"bytes", c.bytes < 0 ? json() : json(c.bytes)}});
  j["measured"] = p.measured ? measured_json(*p.measured) : json();
  return j;
}

}  // namespace

std::string LoadReport::json() const {
  nlohmann::json j = {{"nodes_loaded", nodes_loaded},
                      {"nodes_final", nodes_final},
                      {"context_nodes", context_nodes},
                      {"context_files", context_files}};
  j["rewrites"] = nlohmann::json::array();
  for (const Rewrite& r : rewrites)
    j["rewrites"].push_back({{"pass", r.pass}, {"node", r.node}, {"nodes_removed", r.nodes_removed}});
  j["near_misses"] = nlohmann::json::array();
  for (const NearMiss& m : near_misses)
    j["near_misses"].push_back({{"pass", m.pass}, {"node", m.node}, {"reason", m.reason}});
  j["stage_ms"] = nlohmann::json::object();
  for (const auto& [name, ms] : stage_ms) j["stage_ms"][name] = ms;
  j["placement"] = placement_json(placement());
  j["memory"] = {
      {"steps", memory.steps},           {"views", memory.views},         {"in_place", memory.in_place},
      {"values", memory.values},         {"unsized", memory.unsized},     {"bytes", memory.bytes},
      {"peak_bytes", memory.peak_bytes}, {"constants", memory.constants}, {"constant_bytes", memory.constant_bytes}};
  return j.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace tenon
