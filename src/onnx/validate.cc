// Node checks: counts, bodies, unknown operators.
#include "onnx/validate.h"

#include <algorithm>
#include <climits>

#include "base/log.h"

namespace tenon::onnx {
namespace {

using graph::Graph;
using graph::Node;
using graph::NodeId;

void check_count(const char* what, size_t found, graph::Arity expected) {
  const auto n = static_cast<int64_t>(found);
  if (n >= expected.min && n <= expected.max) return;
  if (expected.min == expected.max) fail(ErrorCode::kInvalidGraph, "{} {}, expected {}", found, what, expected.min);
  if (expected.max == INT_MAX) fail(ErrorCode::kInvalidGraph, "{} {}, expected {} or more", found, what, expected.min);
  fail(ErrorCode::kInvalidGraph, "{} {}, expected {} to {}", found, what, expected.min, expected.max);
}

void check_names(const char* what, const std::vector<std::string_view>& names, const graph::OpDef& op,
                 const graph::Port* (*port_at)(const graph::OpDef&, size_t)) {
  for (size_t i = 0; i < names.size(); ++i) {
    const graph::Port* port = port_at(op, i);
    if (names[i].empty() && port && port->use == graph::PortUse::kSingle)
      fail(ErrorCode::kInvalidGraph, "{} {} (\"{}\") is missing", what, i, port->name);
  }
}

/// Arguments and results that a body must have; results may be any number of at least min_results.
struct Signature {
  size_t arguments, results;
};

Signature signature(const Node& n) {
  const size_t operands = n.operands().size();
  const size_t outputs = n.outputs.size();
  switch (n.def->lowering) {
    case graph::Lowering::kIf:
      return {0, outputs};
    case graph::Lowering::kLoop:
      return {std::max<size_t>(operands, 2), outputs + 1};
    case graph::Lowering::kScan: {
      const size_t given =
          n.since_version >= 9 || operands == 0 ? operands : operands - 1;  // version 8 has sequence lengths first
      const int64_t scanned = n.attrs.get_int("num_scan_inputs", 0);
      if (scanned < 1 || scanned > static_cast<int64_t>(given))
        fail(ErrorCode::kInvalidGraph, "num_scan_inputs is {}, expected 1 to {} as there are {} inputs", scanned, given,
             given);
      const size_t states = given - static_cast<size_t>(scanned);
      if (outputs < states)
        fail(ErrorCode::kInvalidGraph, "{} outputs, expected at least {}, one for each state", outputs, states);
      return {given, outputs};
    }
    default:
      return {operands, outputs};
  }
}

}  // namespace

void check_counts(const graph::OpDef& op, const NodeView& n) {
  check_count("inputs", n.inputs.size(), graph::input_arity(op));
  check_count("outputs", n.outputs.size(), graph::output_arity(op));
  check_names("input", n.inputs, op, graph::input_port);
  check_names("output", n.outputs, op, graph::output_port);
}

void check_bodies(const Graph& g, NodeId id) {
  const Node& n = g.node(id);
  if (n.regions.empty() || n.def->lowering == graph::Lowering::kKernel) return;  // those ops' infer checks them
  const Signature s = signature(n);
  for (size_t k = 0; k < n.regions.size(); ++k) {
    const graph::Region& r = g.region(n.regions[k]);
    const size_t arguments = r.args.size() - n.captures;
    if (arguments != s.arguments)
      fail(ErrorCode::kInvalidGraph, "\"{}\" has {} inputs, expected {}", n.region_names[k], arguments, s.arguments);
    if (r.results.size() != s.results)
      fail(ErrorCode::kInvalidGraph, "\"{}\" has {} outputs, expected {}", n.region_names[k], r.results.size(),
           s.results);
  }
  if (n.def->lowering == graph::Lowering::kLoop && n.outputs.size() + 2 < s.arguments)
    fail(ErrorCode::kInvalidGraph, "{} outputs, expected at least {}, one for each carried value", n.outputs.size(),
         s.arguments - 2);
}

void fail_unknown_op(const graph::OpSet& ops, const NodeView& n, int version) {
  const std::string_view domain = n.domain == "ai.onnx" ? std::string_view() : n.domain;
  int first = INT_MAX, last = 0;
  std::vector<std::string_view> known;
  for (const graph::OpDef* row : ops.all()) {
    if (row->domain != domain) continue;
    known.emplace_back(row->name);
    if (n.op != row->name) continue;
    first = std::min(first, row->since);
    last = std::max(last, row->until == 0 ? INT_MAX : row->until);
  }
  const std::string where = domain.empty() ? "ai.onnx" : std::string(domain);
  if (known.empty())
    fail(ErrorCode::kFail, "{} is not a known operator or function: nothing is known of domain {}", n.op,
         quote_name(where));
  const bool exists = first <= last;
  if (exists && version < first)
    fail(ErrorCode::kInvalidGraph, "{} came with version {} of {}, the model imports version {}", n.op, first, where,
         version);
  if (exists)
    fail(ErrorCode::kInvalidGraph, "{} was removed after version {} of {}, the model imports version {}", n.op, last,
         where, version);
  const std::string_view near = nearest_name(n.op, known);
  fail(ErrorCode::kInvalidGraph, "{} is not a known operator of {} version {}{}", quote_name(n.op), where, version,
       near.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", near));
}

}  // namespace tenon::onnx
