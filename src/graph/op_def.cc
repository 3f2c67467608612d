// OpSet: lookup of op rows by domain, name and version; arities of rows.
#include "graph/op_def.h"

#include <algorithm>
#include <climits>

#include "graph/graph.h"

namespace tenon::graph {
namespace {

/// Released versions (ONNX 1.23). An opset without new rows for our ops is known all the same.
constexpr struct {
  std::string_view domain;
  int version;
} kReleased[] = {{"", 28}, {"ai.onnx.ml", 5}, {"ai.onnx.preview", 1}, {"ai.onnx.preview.training", 1}};

std::string_view canonical(std::string_view domain) { return domain == "ai.onnx" ? std::string_view() : domain; }

std::string key_of(std::string_view domain, std::string_view name) {
  std::string key(canonical(domain));
  key += ':';
  key += name;
  return key;
}

Arity arity(std::span<const Port> ports) {
  Arity a{0, 0};
  for (size_t i = 0; i < ports.size(); ++i) {
    const Port& p = ports[i];
    if (p.use == PortUse::kVariadic) {
      if (p.min_count > 0) a.min = static_cast<int>(i) + p.min_count;
      a.max = INT_MAX;
      return a;
    }
    if (p.use == PortUse::kSingle) a.min = static_cast<int>(i) + 1;
    a.max = static_cast<int>(i) + 1;
  }
  return a;
}

const Port* port_at(std::span<const Port> ports, size_t i) {
  if (i < ports.size()) return &ports[i];
  return !ports.empty() && ports.back().use == PortUse::kVariadic ? &ports.back() : nullptr;
}

}  // namespace

void OpSet::add(OpDefs rows) {
  for (const OpDef& row : rows) {
    rows_.push_back(&row);
    auto& versions = index_[key_of(row.domain, row.name)];
    const auto older =
        std::find_if(versions.begin(), versions.end(), [&](const OpDef* r) { return r->since < row.since; });
    versions.insert(older, &row);
  }
}

const OpDef* OpSet::find(std::string_view domain, std::string_view name, int version) const {
  const auto it = index_.find(key_of(domain, name));
  if (it == index_.end()) return nullptr;
  for (const OpDef* row : it->second) {
    if (row->since <= version) return row->until == 0 || version <= row->until ? row : nullptr;
  }
  return nullptr;
}

int OpSet::newest_version(std::string_view domain) const {
  int newest = 0;
  for (const OpDef* row : rows_)
    if (canonical(row->domain) == canonical(domain)) newest = std::max({newest, row->since, row->until});
  if (newest == 0) return 0;
  for (const auto& r : kReleased)
    if (r.domain == canonical(domain)) newest = std::max(newest, r.version);
  return newest;
}

Arity input_arity(const OpDef& op) { return arity(op.inputs); }
Arity output_arity(const OpDef& op) { return arity(op.outputs); }
const Port* input_port(const OpDef& op, size_t i) { return port_at(op.inputs, i); }
const Port* output_port(const OpDef& op, size_t i) { return port_at(op.outputs, i); }

bool is_expanded(const Node& n) { return n.def && n.def->expand && (!n.def->make || !n.regions.empty()); }

}  // namespace tenon::graph
