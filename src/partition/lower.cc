// From assigned nodes to a graph that can be planned, and what is said about it.
#include <algorithm>

#include "base/error.h"
#include "ep/layout.h"
#include "partition/compile_groups.h"
#include "partition/copies.h"
#include "partition/group_op.h"
#include "partition/layouts.h"
#include "partition/partition.h"

namespace tenon::partition {
namespace {

using graph::kNone;
using graph::NodeId;

bool is_of_model(const graph::Node& n) { return n.def != &kCopyOp && n.def != &ep::kConvertLayout; }

size_t model_nodes(const graph::Graph& g) {
  size_t count = 0;
  for (NodeId n = 0; n < g.node_limit(); ++n) count += g.node(n).alive && is_of_model(g.node(n));
  return count;
}

void count(const graph::Graph& g, Placement& p) {
  p.counts.clear();
  p.groups.clear();
  for (const ep::Instance& i : p.providers) {
    size_t nodes = 0, groups = 0;
    for (NodeId n = 0; n < g.node_limit(); ++n) {
      const graph::Node& node = g.node(n);
      if (!node.alive || node.provider != i.key || !is_of_model(node)) continue;
      nodes += node.body ? model_nodes(*node.body) : 1;
      groups += node.body != nullptr;
    }
    p.counts.emplace_back(i.key, nodes);
    p.groups.emplace_back(i.key, groups);
  }
}

void refuse_default(const graph::Graph& g, const Placement& p) {
  const std::string& last = p.providers.back().key;
  for (NodeId n = 0; n < g.node_limit(); ++n) {
    const graph::Node& node = g.node(n);
    if (!node.alive || node.provider != last) continue;
    std::string why;
    for (size_t k = 0; k + 1 < p.providers.size(); ++k)
      if (const auto it = p.refused.find({n, k}); it != p.refused.end())
        why += fmt::format("; {}: {}", p.providers[k].key, it->second);
    fail("session.disable_cpu_ep_fallback is set, but node \"{}\" ({}) is left to {}{}", node.name, node.op, last, why);
  }
}

}  // namespace

void lower(graph::Graph& g, Placement& p, const Wishes& wishes, const ep::CompileContext& context) {
  choose_layouts(g, p, wishes);
  assign(g, p, wishes);
  compile_groups(g, p, wishes, context);
  if (!wishes.cpu_fallback) refuse_default(g, p);
  count(g, p);
  const bool one_memory =
      std::ranges::all_of(p.providers, [](const ep::Instance& i) { return i.provider->device() == Device{}; });
  if (!one_memory) insert_copies(g, p);
}

void verify_placed(const graph::Graph& g, const Placement& p) {
  for (NodeId id = 0; id < g.node_limit(); ++id) {
    const graph::Node& n = g.node(id);
    if (!n.alive) continue;
    if (!p.find(n.provider)) fail(ErrorCode::kEngineError, "node \"{}\" ({}) has no provider", n.name, n.op);
    if (n.def == &kCopyOp || n.def == &ep::kConvertLayout) continue;
    ep::LayoutChoice* choice = p.find(n.provider)->layout();
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const graph::ValueId v = n.inputs[i];
      if (v != kNone && !g.is_constant(v) && !(g.type(v).device == operand_device(g, p, id, i)))
        fail(ErrorCode::kEngineError, "node \"{}\" ({}): operand {} (\"{}\") is in another memory", n.name, n.op, i,
             g.value(v).name);
      if (v != kNone && g.type(v).layout != Layout::kPlain && (!choice || choice->preferred() != g.type(v).layout))
        fail(ErrorCode::kEngineError,
             "node \"{}\" ({}): operand {} (\"{}\") has a layout that its provider does not take", n.name, n.op, i,
             g.value(v).name);
    }
  }
}

std::string summary(const Placement& p) {
  size_t total = 0;
  for (const auto& [key, nodes] : p.counts) total += nodes;
  std::string out;
  for (size_t k = 0; k + 1 < p.counts.size(); ++k) {
    if (!out.empty()) out += "; ";
    out += fmt::format("{}: {} of {} nodes", p.counts[k].first, p.counts[k].second, total);
    if (p.groups[k].second)
      out += fmt::format(" in {} group{}", p.groups[k].second, p.groups[k].second == 1 ? "" : "s");
  }
  if (out.empty()) return out;
  int64_t bytes = 0;
  bool unknown = false;
  for (const Crossing& c : p.copies) (c.bytes < 0 ? unknown = true : (bytes += c.bytes, false));
  out += fmt::format(", {} cop{}", p.copies.size(), p.copies.size() == 1 ? "y" : "ies");
  if (!p.copies.empty()) {
    if (bytes >= 1'000'000)
      out += fmt::format(", {:.1f} MB", static_cast<double>(bytes) / 1e6);
    else if (bytes || !unknown)
      out += fmt::format(", {:.1f} kB", static_cast<double>(bytes) / 1e3);
    if (unknown) out += bytes ? " and more with the shapes of a run" : ", bytes as the shapes of a run say";
  }
  size_t changes = 0;
  for (const auto& [k, change] : p.layouts) changes += change.converters.size();
  if (changes) out += fmt::format(", {} layout change{}", changes, changes == 1 ? "" : "s");
  return out;
}

}  // namespace tenon::partition
