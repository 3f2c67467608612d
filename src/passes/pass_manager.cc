// Runs the pipeline: matches rules, checks and applies their patches, keeps types, names and provenance.
#include <algorithm>
#include <chrono>
#include <limits>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "graph/verify.h"
#include "ops/op.h"
#include "passes/pass.h"

namespace tenon::passes {
namespace {

using graph::kNone;
using graph::Node;
using graph::NodeId;
using graph::RegionId;
using graph::ValueId;
using graph::ValueInfo;
using graph::ValueRole;

constexpr size_t kMaxSkips = 10000;  // near misses kept in the report

bool matches(std::span<const char* const> roots, const Node& n) {
  if (!n.alive || !n.def) return false;
  return roots.empty() || std::any_of(roots.begin(), roots.end(), [&](const char* r) { return n.op == r; });
}

void merge_provenance(std::vector<uint32_t>& into, std::span<const uint32_t> from) {
  for (uint32_t id : from)
    if (std::find(into.begin(), into.end(), id) == into.end()) into.push_back(id);
}

/// Live nodes of all regions, outer ones first.
std::vector<NodeId> all_nodes(const graph::Graph& g) {
  std::vector<NodeId> out;
  std::vector<RegionId> open{0};
  for (size_t i = 0; i < open.size(); ++i) {
    for (NodeId n : g.region(open[i]).nodes) {
      out.push_back(n);
      open.insert(open.end(), g.node(n).regions.begin(), g.node(n).regions.end());
    }
  }
  return out;
}

Level level_of(const PipelineRow& r) { return r.rule ? r.rule->level : r.transformation->level; }
const char* name_of(const PipelineRow& r) { return r.rule ? r.rule->name : r.transformation->name; }

}  // namespace

void PassContext::fired(graph::Graph& g, NodeId at, int64_t nodes_removed) {
  report.fired.push_back({pass, g.intern(g.node(at).name), nodes_removed});
}
void PassContext::skipped(graph::Graph& g, NodeId at, const char* reason, ValueId about) {
  if (report.skipped.size() >= kMaxSkips) return;
  const uint32_t name = g.intern(g.node(at).name);
  const std::string what = about < g.value_limit() ? g.value(about).name : std::string();
  for (const Skipped& s : report.skipped)
    if (s.pass == pass && s.node_name == name && s.reason == reason) return;
  report.skipped.push_back({pass, name, reason, what});
}

PassManager::PassManager(graph::Graph& g, const PassOptions& options, Evaluate evaluate,
                         std::span<const PipelineRow> rows)
    : graph_(g),
      options_(options),
      evaluate_(std::move(evaluate)),
      rows_(rows.empty() ? pipeline() : rows),
      rewrites_left_(options.stop_after_rewrite < 0 ? std::numeric_limits<int64_t>::max()
                                                    : options.stop_after_rewrite) {}

bool PassManager::enabled(const char* name, const char* ort_name) const {
  return std::none_of(options_.disabled.begin(), options_.disabled.end(),
                      [&](const std::string& d) { return d == name || (ort_name[0] != '\0' && d == ort_name); });
}

void PassManager::run(Level above, Level up_to) {
  if (up_to <= above) return;
  if (inferred_nodes_ != graph_.node_limit()) ints_ = ops::infer_types(graph_);
  for (size_t begin = 0; begin < rows_.size();) {
    const Level level = level_of(rows_[begin]);
    size_t end = begin;
    while (end < rows_.size() && level_of(rows_[end]) == level) ++end;
    if (level > above && level <= up_to) {
      bool changed = true;
      for (int round = 0; round < options_.max_rounds && changed; ++round) {
        changed = false;
        for (size_t i = begin; i < end; ++i) changed |= apply_row(rows_[i]);
        if (changed) refine_types();
      }
    }
    begin = end;
  }
  inferred_nodes_ = graph_.node_limit();
}

/// What has become constant tells more about sizes downstream.
void PassManager::refine_types() {
  ops::InferOptions refine;
  refine.refine = true;
  ints_ = ops::infer_types(graph_, refine);
}

bool PassManager::apply_row(const PipelineRow& row) {
  const char* ort_name = row.rule ? row.rule->ort_name : row.transformation->ort_name;
  if (rewrites_left_ <= 0 || !enabled(name_of(row), ort_name)) return false;
  const auto start = std::chrono::steady_clock::now();
  bool changed;
  if (row.rule) {
    changed = apply_rule(*row.rule);
  } else {
    PassContext c = context(row.transformation->name);
    changed = row.transformation->apply(graph_, c) > 0;
  }
  const int64_t ns = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
  const auto same = std::find_if(report_.times.begin(), report_.times.end(),
                                 [&](const PassReport::Time& t) { return t.pass == name_of(row); });
  if (same == report_.times.end())
    report_.times.push_back({name_of(row), ns});
  else
    same->ns += ns;
  if (changed && options_.verify) {
    try {
      graph::verify(graph_);
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("after pass {}: {}", name_of(row), e.what()), e.reason(), e.limit());
    }
  }
  return changed;
}

bool PassManager::apply_rule(const Rule& rule) {
  std::vector<NodeId> work;
  for (NodeId n : all_nodes(graph_))
    if (matches(rule.roots, graph_.node(n)) && !foreign(n)) work.push_back(n);
  const graph::OpSet& ops = options_.ops ? *options_.ops : ops::builtin_ops();
  // A patch puts its new nodes, and those that read them, back to work; the bound stops rules that feed each other.
  size_t applications = 4 * work.size() + 100;
  bool changed = false;
  for (size_t i = 0; i < work.size() && applications > 0 && rewrites_left_ > 0; ++i) {
    const NodeId at = work[i];
    if (!matches(rule.roots, graph_.node(at))) continue;
    Patch patch(graph_, at, ops);
    const Outcome outcome = rule.apply(graph_, at, patch);
    if (outcome.kind == Outcome::kSkipped) context(rule.name).skipped(graph_, at, outcome.reason, outcome.about);
    if (outcome.kind != Outcome::kPatched || patch.empty()) continue;
    --applications;
    std::vector<NodeId> touched;
    if (!apply_patch(rule, at, patch, touched)) continue;
    changed = true;
    for (NodeId n : touched)
      if (matches(rule.roots, graph_.node(n)) && !foreign(n)) work.push_back(n);
  }
  return changed;
}

/// Why the patch must not be applied, before anything is made. Results are named after their values when a graph is
/// written: one value cannot be two results, an input of the region none, a constant only one of the main region.
const char* PassManager::obstacle(const Patch& patch) const {
  std::set<ValueId> results;
  for (const auto& [from, to] : patch.replacements_) {
    if (!graph_.pinned(from)) continue;
    const bool is_new = to >= Patch::kFirstHandle;
    const bool constant = is_new ? std::any_of(patch.constants_.begin(), patch.constants_.end(),
                                               [v = to](const auto& k) { return k.handle == v; })
                                 : graph_.is_constant(to);
    const bool takes_over =
        (is_new || !graph_.pinned(to)) && results.insert(to).second &&
        (constant ? graph_.value(from).region == 0 : is_new || graph_.value(to).role == ValueRole::kResult);
    if (!takes_over) return "a result of the graph keeps its own node";
  }
  return removes_foreign(patch) ? "a node that would go belongs to another provider" : nullptr;
}

bool PassManager::foreign(NodeId n) const {
  const std::string& provider = graph_.node(n).provider;
  return !provider.empty() && !options_.own_provider.empty() && provider != options_.own_provider;
}

/// True when a node of another provider would die with the patch.
bool PassManager::removes_foreign(const Patch& patch) const {
  if (options_.own_provider.empty()) return false;
  std::set<ValueId> replaced, kept;
  std::vector<NodeId> candidates;
  for (const auto& [from, to] : patch.replacements_) {
    replaced.insert(from);
    kept.insert(to);
    if (graph_.producer(from) != kNone) candidates.push_back(graph_.producer(from));
  }
  for (const Patch::NewNode& n : patch.nodes_) kept.insert(n.inputs.begin(), n.inputs.end());
  std::unordered_map<ValueId, size_t> dropped;
  std::set<NodeId> seen;
  while (!candidates.empty()) {
    const NodeId n = candidates.back();
    candidates.pop_back();
    const bool dies = std::ranges::all_of(graph_.node(n).outputs, [&](ValueId v) {
      return v == kNone || replaced.contains(v) ||
             (!kept.contains(v) && !graph_.pinned(v) && graph_.value(v).uses.size() == dropped[v]);
    });
    if (!dies || !seen.insert(n).second) continue;
    if (foreign(n)) return true;
    for (ValueId v : graph_.node(n).inputs) {
      if (v == kNone) continue;
      ++dropped[v];
      if (graph_.producer(v) != kNone) candidates.push_back(graph_.producer(v));
    }
  }
  return false;
}

/// True when `to` can stand for `from`; `to` then takes over what only `from` knew.
bool PassManager::agree(ValueId from, ValueId to) {
  const ValueType& old_type = graph_.type(from);
  ValueType t = graph_.type(to);
  if (old_type.kind != t.kind) return false;
  if (t.is_tensor() && t.elem == DType::kUndefined) {
    t = old_type;
  } else if (old_type.elem != t.elem && !(old_type.is_tensor() && old_type.elem == DType::kUndefined)) {
    return false;
  } else if (old_type.has_rank && !t.has_rank) {
    t.has_rank = true;
    t.dims = old_type.dims;
  } else if (old_type.has_rank) {
    if (old_type.dims.size() != t.dims.size()) return false;
    for (size_t i = 0; i < t.dims.size(); ++i) {
      if (!is_symbol(old_type.dims[i]) && !is_symbol(t.dims[i]) && old_type.dims[i] != t.dims[i]) return false;
      if (graph_.symbols().is_fresh(t.dims[i])) t.dims[i] = old_type.dims[i];
    }
  }
  if (!graph_.is_constant(to)) graph_.set_type(to, std::move(t));
  if (const auto it = ints_.find(from); it != ints_.end() && !graph_.is_constant(to)) {
    std::vector<int64_t> copy = it->second;
    ints_.try_emplace(to, std::move(copy));
  }
  return true;
}

/// Nodes that nothing reads after the replacements, users before producers.
std::vector<NodeId> PassManager::dead_producers(const Patch& patch) const {
  std::vector<NodeId> dead;
  std::unordered_map<ValueId, size_t> dropped;  // operand slots of dead nodes that read a value
  std::vector<NodeId> candidates;
  for (const auto& [from, to] : patch.replacements_) {
    (void)to;
    if (graph_.producer(from) != kNone) candidates.push_back(graph_.producer(from));
  }
  std::set<NodeId> seen;
  while (!candidates.empty()) {
    const NodeId n = candidates.back();
    candidates.pop_back();
    const bool unused = std::all_of(graph_.node(n).outputs.begin(), graph_.node(n).outputs.end(), [&](ValueId v) {
      return v == kNone || (graph_.value(v).uses.size() == dropped[v] && !graph_.pinned(v));
    });
    if (!unused || !seen.insert(n).second) continue;
    dead.push_back(n);
    for (ValueId v : graph_.node(n).inputs) {
      if (v == kNone) continue;
      ++dropped[v];
      if (graph_.producer(v) != kNone) candidates.push_back(graph_.producer(v));
    }
  }
  return dead;
}

bool PassManager::apply_patch(const Rule& rule, NodeId at, Patch& patch, std::vector<NodeId>& touched) {
  PassContext c = context(rule.name);
  if (const char* why = obstacle(patch)) {
    c.skipped(graph_, at, why, patch.replacements_.front().first);
    return false;
  }
  // Make.
  std::unordered_map<ValueId, ValueId> made;
  std::vector<NodeId> fresh;
  for (Patch::NewConstant& k : patch.constants_) made[k.handle] = graph_.add_constant(k.name, std::move(k.data));
  const auto real = [&](ValueId v) { return v != kNone && v >= Patch::kFirstHandle ? made.at(v) : v; };
  const auto undo = [&](const char* reason) {
    for (size_t i = fresh.size(); i-- > 0;) graph_.erase_node(fresh[i]);
    for (const Patch::NewConstant& k : patch.constants_) graph_.erase_constant(made.at(k.handle));
    if (options_.verify) fail(ErrorCode::kFail, "rule {} at \"{}\": {}", rule.name, graph_.node(at).name, reason);
    c.skipped(graph_, at, reason);
    return false;
  };
  for (Patch::NewNode& n : patch.nodes_) {
    Node proto;
    proto.op = n.op;
    proto.domain = n.domain;
    proto.def = n.def;
    proto.since_version = n.def->since;
    proto.name = graph_.node(at).name + (fresh.empty() ? "" : "_" + std::to_string(fresh.size()));
    proto.attrs = std::move(n.attrs);
    proto.provider = graph_.node(at).provider;
    for (ValueId v : n.inputs) proto.inputs.push_back(real(v));
    const ValueId first = graph_.node(at).outputs.empty() ? kNone : graph_.node(at).outputs[0];
    const std::vector<std::string> names(n.outputs.size(), first == kNone ? rule.name : graph_.value(first).name);
    const NodeId id = graph_.add_node(graph_.node(at).region, std::move(proto), names, at);
    for (size_t k = 0; k < n.outputs.size(); ++k) made[n.outputs[k]] = graph_.node(id).outputs[k];
    fresh.push_back(id);
    try {
      ops::infer_node(graph_, id, ints_);
    } catch (const Error&) {
      if (options_.verify) throw;
      return undo("the replacement does not type-check");
    }
  }
  for (const auto& [from, to] : patch.replacements_)
    if (!agree(from, real(to))) return undo("the replacement has another type");

  // Replace, and find out what dies.
  for (const auto& [from, to] : patch.replacements_) {
    for (const graph::Use& u : graph_.value(from).uses) touched.push_back(u.node);
    graph_.replace_all(from, real(to));
  }
  const std::vector<NodeId> dead = dead_producers(patch);
  std::vector<uint32_t> provenance;
  std::vector<ValueId> maybe_unused;
  for (NodeId n : dead) {
    merge_provenance(provenance, graph_.node(n).provenance);
    for (ValueId v : graph_.node(n).inputs)
      if (graph_.is_constant(v)) maybe_unused.push_back(v);
  }
  if (provenance.empty()) provenance = graph_.node(at).provenance;
  const int64_t gone = static_cast<int64_t>(dead.size()) - static_cast<int64_t>(fresh.size());
  c.fired(graph_, at, gone);
  std::vector<std::string> old_names;
  for (const auto& r : patch.replacements_) old_names.push_back(graph_.value(r.first).name);
  graph_.erase_nodes(dead);
  for (size_t i = 0; i < old_names.size(); ++i) {  // new values take over the names of those that died
    const auto& [from, to] = patch.replacements_[i];
    if (to >= Patch::kFirstHandle && graph_.producer(from) == kNone && !graph_.pinned(real(to)))
      graph_.rename(real(to), old_names[i]);
  }
  for (ValueId v : maybe_unused)
    if (graph_.is_constant(v) && graph_.value(v).uses.empty() && !graph_.pinned(v)) graph_.erase_constant(v);
  for (NodeId n : fresh) graph_.edit(n).provenance = provenance;
  touched.insert(touched.end(), fresh.begin(), fresh.end());
  --rewrites_left_;
  return true;
}

}  // namespace tenon::passes
