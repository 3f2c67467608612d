// Operand counts and element types of one node against its op row.
#include <climits>
#include <map>
#include <string_view>

#include "base/error.h"
#include "graph/verify.h"

namespace tenon::graph {
namespace {

std::string count_text(Arity a) {
  if (a.min == a.max) return std::to_string(a.min);
  return a.max == INT_MAX ? std::to_string(a.min) + " or more" : std::to_string(a.min) + " to " + std::to_string(a.max);
}

uint8_t kind_bit(ValueKind k) {
  switch (k) {
    case ValueKind::kSequence:
      return kSequences;
    case ValueKind::kOptional:
      return kOptionals;
    case ValueKind::kMap:
      return kMaps;
    case ValueKind::kSparse:
      return kSparses;
    default:
      return kTensors;
  }
}

/// What lies inside sequences, optionals and maps (the value's).
const ValueType& innermost(const ValueType& t) {
  const ValueType* p = &t;
  while (p->inner) p = p->inner.get();
  return *p;
}

std::string port_text(const Port& p) {
  std::string s = dtype_set_names(p.types);
  if (p.kinds & kSequences) s += ", sequences of these";
  if (p.kinds & kOptionals) s += ", optionals of these";
  if (p.kinds & kMaps) s += ", maps";
  if (p.kinds & kSparses) s += ", sparse tensors";
  return s;
}

/// Types bound to type variables so far.
using Bound = std::map<std::string_view, const ValueType*>;

void check_value(const Graph& g, const char* what, size_t i, const Port& port, const ValueType& t, Bound& bound) {
  const DType elem = innermost(t).elem;
  if (t.is_tensor() && elem == DType::kUndefined) return;  // not known yet
  const bool kind_fits = (port.kinds & kind_bit(t.kind)) != 0 && innermost(t).kind != ValueKind::kOpaque;
  if (!kind_fits || (elem != DType::kUndefined && !contains(port.types, elem))) {
    fail(ErrorCode::kInvalidGraph, "{} {} (\"{}\") has type {}; expected {}", what, i, port.name,
         to_string(t, &g.symbols()), port_text(port));
  }
  if (port.var[0] == '\0' || port.heterogeneous) return;
  const auto [it, first] = bound.emplace(port.var, &t);
  if (first) return;
  const ValueType& other = *it->second;
  const DType other_elem = innermost(other).elem;
  if (other.kind != t.kind || (elem != other_elem && elem != DType::kUndefined && other_elem != DType::kUndefined)) {
    fail(ErrorCode::kInvalidGraph,
         "{} {} (\"{}\") has type {}, but another operand of the same type variable {} has {}", what, i, port.name,
         to_string(t, &g.symbols()), port.var, to_string(other, &g.symbols()));
  }
}

}  // namespace

void verify_operands(const Graph& g, NodeId id, bool outputs_too) {
  const Node& n = g.node(id);
  if (!n.def) return;
  const OpDef& def = *n.def;
  const Arity in = input_arity(def), out = output_arity(def);
  const auto operands = n.operands();
  const auto count = static_cast<int>(operands.size());
  if (count < in.min || count > in.max) {
    fail(ErrorCode::kInvalidGraph, "{} inputs, expected {}", count, count_text(in));
  }
  if (static_cast<int>(n.outputs.size()) < out.min || static_cast<int>(n.outputs.size()) > out.max) {
    fail(ErrorCode::kInvalidGraph, "{} outputs, expected {}", n.outputs.size(), count_text(out));
  }
  Bound bound;
  for (size_t i = 0; i < operands.size(); ++i) {
    const Port& port = *input_port(def, i);
    if (operands[i] == kNone) {
      if (port.use == PortUse::kSingle) fail(ErrorCode::kInvalidGraph, "input {} (\"{}\") is missing", i, port.name);
      continue;
    }
    check_value(g, "input", i, port, g.type(operands[i]), bound);
  }
  if (!outputs_too) return;
  for (size_t i = 0; i < n.outputs.size(); ++i)
    if (n.outputs[i] != kNone) check_value(g, "output", i, *output_port(def, i), g.type(n.outputs[i]), bound);
}

}  // namespace tenon::graph
