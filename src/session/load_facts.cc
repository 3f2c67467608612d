// Placement by node and the memory of a plan, as LoadReport has them.
#include "session/load_facts.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/shape.h"
#include "base/value_data.h"
#include "partition/group_op.h"

namespace tenon::session {
namespace load_facts {
namespace {

using graph::NodeId;
using plan::Plan;
using plan::SlotId;

int64_t uploaded_bytes(const Plan& plan) {
  int64_t bytes = plan.uploaded_bytes;
  for (const auto& region : plan.regions) bytes += uploaded_bytes(*region);
  return bytes;
}

struct Facts {
  std::shared_ptr<const graph::Graph> graph;
  std::vector<std::string> keys;
  partition::Wishes wishes;
  std::map<std::pair<NodeId, size_t>, std::string> refused;
  std::unordered_map<NodeId, NodeId> group_of;
  std::shared_ptr<const partition::Decision> decision;
  LoadReport::Placement start;  ///< what needs no node names
};

std::string why(const Facts& f, NodeId id, size_t provider) {
  if (f.wishes.pinned.contains(f.graph->node(id).name)) return "tenon.place_nodes names it";
  if (f.keys.size() == 1) return "the only provider";
  if (f.decision)
    if (std::string reason = partition::reason_of(*f.decision, id, provider); !reason.empty()) return reason;
  if (provider + 1 < f.keys.size()) return "claimed";
  std::string out;
  for (size_t k = 0; k < provider; ++k)
    if (const auto it = f.refused.find({id, k}); it != f.refused.end())
      out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", f.keys[k], it->second);
  return out.empty() ? "runs what no other provider was offered" : "left by " + out;
}

LoadReport::Placement::Node describe(const Facts& f, NodeId id, const graph::Node& runs) {
  const graph::Node& n = f.graph->node(id);
  const auto at = std::ranges::find(f.keys, runs.provider) - f.keys.begin();
  LoadReport::Placement::Node out{n.name, n.domain.empty() ? n.op : n.domain + "." + n.op, runs.provider, "", "", {}};
  out.why = why(f, id, static_cast<size_t>(at));
  for (uint32_t name : n.provenance) out.from.push_back(f.graph->interned(name));
  return out;
}

LoadReport::Placement::Measured measured(const partition::Decision& d) {
  LoadReport::Placement::Measured out;
  out.source = d.source;
  out.chosen = d.name_of(d.winner());
  out.notes = d.notes;
  if (!d.exact) out.notes.emplace_back("the cut may not be the cheapest: too many values are alive at once");
  const auto us = [](int64_t ns) { return ns < 0 ? -1.0 : static_cast<double>(ns) / 1e3; };
  for (const auto& c : d.candidates) out.candidates.push_back({d.name_of(c), us(c.ns), us(c.predicted_ns), c.note});
  const auto memory = [&](uint32_t k) { return k + 1 == d.providers.size() ? "host" : d.providers[k]; };
  for (const auto& l : d.links)
    if (l.direct) out.links.push_back({memory(l.from), memory(l.to), us(l.latency_ns), l.ns_per_byte});
  for (const auto& [id, n] : d.nodes) {
    out.nodes.push_back({n.name, n.op, d.providers[n.provider], us(n.copies_ns), {}});
    for (size_t k = 0; k < n.costs.size(); ++k)
      if (n.costs[k].ns >= 0)
        out.nodes.back().costs.push_back({d.providers[k], us(n.costs[k].ns), n.costs[k].estimated});
  }
  return out;
}

LoadReport::Placement format(const Facts& f) {
  LoadReport::Placement out = f.start;
  if (f.decision) out.measured = measured(*f.decision);
  const graph::Graph& g = *f.graph;
  std::unordered_map<NodeId, std::vector<NodeId>> members;
  for (const auto& [node, group] : f.group_of) members[group].push_back(node);
  for (graph::RegionId r = 0; r < g.region_limit(); ++r) {
    for (NodeId id : g.region(r).nodes) {
      const graph::Node& n = g.node(id);
      if (!n.alive || n.def == &partition::kCopyOp) continue;
      if (!n.body) {
        out.nodes.push_back(describe(f, id, n));
        continue;
      }
      std::vector<NodeId>& inside = members[id];
      std::ranges::sort(inside);
      for (NodeId m : inside) {
        out.nodes.push_back(describe(f, m, n));
        out.nodes.back().group = n.name;
      }
    }
  }
  for (const auto& [key, reason] : f.refused) {
    const graph::Node& n = g.node(key.first);
    if (!n.alive && !f.group_of.contains(key.first)) continue;  // rewritten since
    out.refusals.push_back({n.name, n.domain.empty() ? n.op : n.domain + "." + n.op, f.keys[key.second], reason});
  }
  return out;
}

int64_t bytes_of(const ValueType& t) {
  return t.is_tensor() && t.elem != DType::kString && t.is_static()
             ? static_cast<int64_t>(storage_bytes(t.elem, element_count(t.dims)))
             : -1;
}

int64_t add(const Plan& p, LoadReport::Memory& m, std::unordered_set<const void*>& constants) {
  std::vector<int64_t> change(p.steps.size() + 1, 0);  // of the bytes alive, before each step
  for (SlotId id = 0; id < p.slots.size(); ++id) {
    const plan::Slot& s = p.slots[id];
    if (s.kind != plan::SlotKind::kTemp) continue;
    ++m.values;
    if (s.root != id) continue;
    const int64_t bytes = bytes_of(p.graph->type(s.value));
    if (bytes < 0) {
      ++m.unsized;
      continue;
    }
    m.bytes += bytes;
    change[s.born] += bytes;
    if (s.dies < p.steps.size()) change[s.dies + 1] -= bytes;
  }
  for (const plan::Step& s : p.steps) {
    ++m.steps;
    m.views += s.lowering == graph::Lowering::kView;
    if (s.reuse == plan::kNoSlot) continue;
    ++m.in_place;
    const int64_t bytes = bytes_of(p.graph->type(p.slots[s.reuse].value));
    if (bytes == bytes_of(p.graph->type(p.slots[p.outputs(s)[0]].value)) && bytes > 0) {
      const auto at = static_cast<size_t>(&s - p.steps.data());  // the two are one block during this step
      change[at] -= bytes;
      change[at + 1] += bytes;
    }
  }
  for (const auto& [slot, value] : p.constants) {
    // Bodies read those of outer regions. By the record, not the bytes: data() would read a packed weight again.
    if (!value.is_tensor() || !constants.insert(ValueAccess::data(value)).second) continue;
    ++m.constants;
    m.constant_bytes += static_cast<int64_t>(value.bytes());
  }
  int64_t alive = 0, peak = 0;
  for (int64_t c : change) peak = std::max(peak, alive += c);
  for (const auto& region : p.regions) peak = std::max(peak, add(*region, m, constants));
  return peak;
}

}  // namespace
}  // namespace load_facts

std::function<LoadReport::Placement()> placement_facts(std::shared_ptr<const graph::Graph> g, partition::Placement& p,
                                                       const partition::Wishes& wishes, const plan::Plan& plan,
                                                       std::shared_ptr<const partition::Decision> decision) {
  auto f = std::make_shared<load_facts::Facts>();
  f->graph = std::move(g);
  for (const ep::Instance& i : p.providers) f->keys.push_back(i.key);
  f->wishes = wishes;
  f->wishes.veto = {};
  f->decision = std::move(decision);
  f->refused = std::move(p.refused);
  f->group_of = std::move(p.group_of);
  f->start.summary = partition::summary(p);
  for (size_t k = 0; k < p.counts.size(); ++k)
    f->start.providers.push_back({p.counts[k].first, p.counts[k].second, p.groups[k].second});
  for (const partition::Crossing& c : p.copies) f->start.copies.push_back({c.value, c.from, c.to, c.bytes});
  f->start.uploaded_bytes = load_facts::uploaded_bytes(plan);
  return [f] { return load_facts::format(*f); };
}

LoadReport::Memory planned_memory(const plan::Plan& plan) {
  LoadReport::Memory m;
  std::unordered_set<const void*> constants;
  m.peak_bytes = load_facts::add(plan, m, constants);
  return m;
}

}  // namespace tenon::session
