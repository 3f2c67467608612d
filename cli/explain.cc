// explain.cc: tenon explain: rewrites that fired and did not, who runs what and why, copies, memory of the plan.
#include "explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "command.h"
#include "describe.h"
#include "files.h"

namespace tenon::cli {
namespace {

struct Options {
  std::string model, html;
  ModelOptions session;
  bool json = false, nodes = false;
};

// Groups `items` by `key`, most frequent first.
template <class Items, class Key, class Add>
auto grouped(const Items& items, Key key, Add add) {
  std::map<decltype(key(items.front())), Count> by_key;
  for (const auto& item : items) add(by_key[key(item)], item);
  std::vector<std::pair<decltype(key(items.front())), Count>> out(by_key.begin(), by_key.end());
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second.n > b.second.n; });
  return out;
}

void add_node(Count& c, const std::string& node) {
  ++c.n;
  c.nodes.push_back(node);
}

Explanation gather(const Session& session, const Options& o) {
  Explanation e{o.model, o.session.level, session.load_report(), {}, {}, {}, {}, {}};
  e.placement = e.report.placement();
  using Rewrite = LoadReport::Rewrite;
  using NearMiss = LoadReport::NearMiss;
  e.fired = grouped(
      e.report.rewrites, [](const Rewrite& r) { return r.pass; },
      [](Count& c, const Rewrite& r) {
        add_node(c, r.node);
        c.removed += r.nodes_removed;
      });
  e.near_misses = grouped(
      e.report.near_misses, [](const NearMiss& m) { return std::pair(m.pass, m.reason); },
      [](Count& c, const NearMiss& m) { add_node(c, m.node); });
  for (const auto& n : e.placement.nodes) add_node(e.placed[n.provider][n.group][n.op], n.name);
  std::map<std::pair<std::string, std::string>, std::map<std::string, Count>> refused;
  for (const auto& r : e.placement.refusals) add_node(refused[{r.provider, r.reason}][r.op], r.node);
  e.refused.assign(refused.begin(), refused.end());
  return e;
}

std::string names(const std::vector<std::string>& nodes, bool all) {
  constexpr size_t kFew = 3;
  std::string out;
  const size_t shown = all ? nodes.size() : std::min(kFew, nodes.size());
  for (size_t i = 0; i < shown; ++i) out += (i ? ", " : "") + (nodes[i].empty() ? "(no name)" : nodes[i]);
  if (shown < nodes.size()) out += fmt::format(", ... {} more", nodes.size() - shown);
  return out;
}

std::vector<std::string> nodes_of(const std::map<std::string, Count>& ops) {
  std::vector<std::string> out;
  for (const auto& [op, c] : ops) out.insert(out.end(), c.nodes.begin(), c.nodes.end());
  return out;
}

void print_measured(const LoadReport::Placement::Measured& m) {
  fmt::print("  {} ({})\n", m.chosen, m.source);
  for (const auto& c : m.candidates) fmt::print("    {}: {}\n", c.name, candidate_text(c));
  for (const auto& l : m.links)
    fmt::print("    copy {} -> {}: {} + {:.3f} ns per byte\n", l.from, l.to, milliseconds(l.latency_us / 1e3),
               l.ns_per_byte);
  for (const std::string& note : m.notes) fmt::print("    {}\n", note);
}

void print_placement(const Explanation& e, bool all) {
  const LoadReport::Placement& p = e.placement;
  fmt::print("\nplacement{}{}\n", p.summary.empty() ? "" : ": ", p.summary);
  if (p.measured) print_measured(*p.measured);
  for (const auto& provider : p.providers) {
    fmt::print("  {}: {} nodes\n", provider.key, provider.nodes);
    const auto groups = e.placed.find(provider.key);
    if (groups == e.placed.end()) continue;
    for (const auto& [group, ops] : groups->second) {
      fmt::print("    {}{}\n", group.empty() ? "" : "group " + group + ": ", ops_text(ops));
      if (all) fmt::print("      {}\n", names(nodes_of(ops), true));
    }
  }
  if (all && p.measured)
    for (const auto& n : p.nodes) fmt::print("  {} on {}: {}\n", n.name, n.provider, n.why);
  if (!e.refused.empty()) fmt::print("\nrefusals\n");
  for (const auto& [who, ops] : e.refused) {
    const auto nodes = nodes_of(ops);
    fmt::print("  {}: {} nodes ({}): {}\n    {}\n", who.first, nodes.size(), ops_text(ops), who.second,
               names(nodes, all));
  }
  if (!p.copies.empty()) fmt::print("\ncopies per run\n");
  for (const auto& c : p.copies) fmt::print("  {} -> {}  {}  {}\n", c.from, c.to, copy_bytes_text(c), c.value);
  if (p.uploaded_bytes)
    fmt::print("  constants, once at load: {}\n", bytes_text(static_cast<double>(p.uploaded_bytes)));
}

void print_text(const Explanation& e, bool all) {
  const LoadReport& r = e.report;
  fmt::print("{}: {} nodes in the model, {} at level {}\n", e.model, r.nodes_loaded, r.nodes_final, e.level);
  fmt::print("\nrewrites: {}\n", r.rewrites.size());
  for (const auto& [pass, c] : e.fired)
    fmt::print("  {:>4}  {}  (nodes removed: {})\n        {}\n", c.n, pass, c.removed, names(c.nodes, all));
  if (!e.near_misses.empty()) fmt::print("\nrewrites that nearly fired: {}\n", r.near_misses.size());
  for (const auto& [why, c] : e.near_misses)
    fmt::print("  {:>4}  {}: {}\n        {}\n", c.n, why.first, why.second, names(c.nodes, all));
  print_placement(e, all);
  const LoadReport::Memory& m = r.memory;
  fmt::print("\nplan: {} steps, {} of them views, {} may write over an input\n", m.steps, m.views, m.in_place);
  fmt::print("  {} results, {} together, at most {} alive at once", m.values, bytes_text(static_cast<double>(m.bytes)),
             bytes_text(static_cast<double>(m.peak_bytes)));
  if (m.unsized) fmt::print("; not counted: {} whose size only a run says", m.unsized);
  fmt::print("\n  {} constants, {}\n", m.constants, bytes_text(static_cast<double>(m.constant_bytes)));
  fmt::print("\ntimes of loading\n");
  std::vector<std::pair<std::string, double>> passes;
  for (const auto& [stage, ms] : r.stage_ms) {
    if (!stage.starts_with("pass:"))
      fmt::print("  {}: {}\n", stage, milliseconds(ms));
    else if (ms > 0)
      passes.emplace_back(stage.substr(5), ms);
  }
  std::stable_sort(passes.begin(), passes.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  constexpr size_t kPasses = 5;
  for (size_t i = 0; i < std::min(kPasses, passes.size()); ++i)
    fmt::print("    {}: {}\n", passes[i].first, milliseconds(passes[i].second));
}

int explain(const Options& o) {
  SessionOptions s = session_options(o.session);
  if (o.session.log == 2) s.log_severity_level = 3;  // the line about placement is part of the text
  const Session session(o.model, s);
  if (o.json) {
    fmt::print("{}\n", session.load_report().json());
    return kOk;
  }
  const Explanation e = gather(session, o);
  if (o.html.empty()) {
    print_text(e, o.nodes);
  } else {
    write_file(o.html, explain_html(e));
    fmt::print("{}\n", o.html);
  }
  return kOk;
}

}  // namespace

std::string ops_text(const std::map<std::string, Count>& ops) {
  std::vector<std::pair<std::string, int64_t>> sorted;
  for (const auto& [op, c] : ops) sorted.emplace_back(op, c.n);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string out;
  for (const auto& [op, n] : sorted) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", op, n);
  return out;
}

std::string copy_bytes_text(const LoadReport::Placement::Copy& c) {
  return c.bytes < 0 ? "size of a run" : bytes_text(static_cast<double>(c.bytes));
}

std::string candidate_text(const LoadReport::Placement::Measured::Candidate& c) {
  std::string out = c.us < 0 ? "no time" : milliseconds(c.us / 1e3);
  if (c.predicted_us >= 0) out += fmt::format(", by its nodes and copies {}", milliseconds(c.predicted_us / 1e3));
  return c.note.empty() ? out : out + ": " + c.note;
}

void add_explain(CLI::App& app, int& status) {
  auto o = std::make_shared<Options>();
  CLI::App& c =
      *app.add_subcommand("explain", "Tell what was rewritten, who runs what and why, and what memory it needs");
  c.add_option("MODEL", o->model, "ONNX file")->required();
  c.add_flag("--nodes", o->nodes, "Name all nodes instead of the first three of a kind");
  CLI::Option* json = c.add_flag("--json", o->json, "Print the load report as JSON");
  c.add_option("--html", o->html, "Write a page that needs nothing else")->type_name("FILE")->excludes(json);
  add_model_options(c, o->session, false);
  c.callback([o, &status] { status = explain(*o); });
}

}  // namespace tenon::cli
