// explain_html.cc: tenon explain as one HTML page.
#include <fmt/format.h>

#include <algorithm>

#include "describe.h"
#include "explain.h"

namespace tenon::cli {
namespace {

constexpr const char* kStyle = R"(
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
code,summary{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
.bar{display:flex;height:1.6rem;border-radius:4px;overflow:hidden;margin:.5rem 0}.bar span{color:#fff;padding:0 .4rem;overflow:hidden;white-space:nowrap}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}}
)";
constexpr const char* kColours[] = {"#2b6cb0", "#2f855a", "#b7791f", "#97266d", "#553c9a", "#9b2c2c"};

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// Names that unfold.
std::string folded(const std::vector<std::string>& nodes) {
  if (nodes.empty()) return "";
  std::string out = fmt::format("<details><summary>{}{}</summary><code>", escaped(nodes[0]),
                                nodes.size() > 1 ? fmt::format(" and {} more", nodes.size() - 1) : "");
  for (const std::string& n : nodes) out += escaped(n) + "<br>";
  return out + "</code></details>";
}

std::string table(std::initializer_list<const char*> head, const std::string& rows) {
  if (rows.empty()) return "<p>None.</p>";
  std::string out = "<table><tr>";
  for (const char* h : head) out += fmt::format("<th>{}</th>", h);
  return out + "</tr>" + rows + "</table>";
}

std::string bar(const LoadReport::Placement& p) {
  size_t total = 0;
  for (const auto& provider : p.providers) total += provider.nodes;
  if (!total) return "";
  std::string out = "<div class=bar>";
  for (size_t i = 0; i < p.providers.size(); ++i) {
    const auto& provider = p.providers[i];
    if (!provider.nodes) continue;
    out += fmt::format("<span style=\"background:{};width:{:.2f}%\" title=\"{}: {} nodes\">{} {}</span>",
                       kColours[i % std::size(kColours)],
                       100 * static_cast<double>(provider.nodes) / static_cast<double>(total), escaped(provider.key),
                       provider.nodes, escaped(provider.key), provider.nodes);
  }
  return out + "</div>";
}

}  // namespace

std::string explain_html(const Explanation& e) {
  const LoadReport& r = e.report;
  const LoadReport::Placement& p = e.placement;
  std::string out = fmt::format(
      "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
      "<title>{0}</title><style>{1}</style><h1>{0}</h1><p>{2} nodes in the model, {3} at level {4}.</p>",
      escaped(e.model), kStyle, r.nodes_loaded, r.nodes_final, e.level);
  out += "<h2>Placement</h2>";
  if (!p.summary.empty()) out += "<p>" + escaped(p.summary) + "</p>";
  out += bar(p);
  if (p.measured) {
    std::string tried;
    for (const auto& c : p.measured->candidates)
      tried += fmt::format("<tr><td>{}</td><td>{}</td></tr>", escaped(c.name), escaped(candidate_text(c)));
    out += fmt::format("<p>Measured ({}); used: {}.</p>", escaped(p.measured->source), escaped(p.measured->chosen));
    out += table({"candidate", "a run"}, tried);
    for (const std::string& note : p.measured->notes) out += "<p>" + escaped(note) + "</p>";
  }
  std::string rows;
  for (const auto& [provider, groups] : e.placed) {
    for (const auto& [group, ops] : groups) {
      std::vector<std::string> nodes;
      for (const auto& [op, c] : ops) nodes.insert(nodes.end(), c.nodes.begin(), c.nodes.end());
      rows += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", escaped(provider), escaped(group),
                          escaped(ops_text(ops)), folded(nodes));
    }
  }
  out += table({"provider", "group", "operators", "nodes"}, rows);
  rows.clear();
  for (const auto& [who, ops] : e.refused) {
    std::vector<std::string> nodes;
    for (const auto& [op, c] : ops) nodes.insert(nodes.end(), c.nodes.begin(), c.nodes.end());
    rows += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", escaped(who.first),
                        escaped(who.second), escaped(ops_text(ops)), folded(nodes));
  }
  out += "<h2>Refusals</h2>" + table({"provider", "reason", "operators", "nodes"}, rows);
  rows.clear();
  for (const auto& c : p.copies)
    rows += fmt::format("<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td class=n>{}</td></tr>", escaped(c.value),
                        escaped(c.from), escaped(c.to), copy_bytes_text(c));
  out += "<h2>Copies per run</h2>" + table({"value", "from", "to", "bytes"}, rows);
  if (p.uploaded_bytes)
    out += fmt::format("<p>Constants, once at load: {}.</p>", bytes_text(static_cast<double>(p.uploaded_bytes)));
  rows.clear();
  for (const auto& [pass, c] : e.fired)
    rows += fmt::format("<tr><td>{}</td><td class=n>{}</td><td class=n>{}</td><td>{}</td></tr>", escaped(pass), c.n,
                        c.removed, folded(c.nodes));
  out += "<h2>Rewrites</h2>" + table({"rewrite", "times", "nodes removed", "nodes"}, rows);
  rows.clear();
  for (const auto& [why, c] : e.near_misses)
    rows += fmt::format("<tr><td>{}</td><td>{}</td><td class=n>{}</td><td>{}</td></tr>", escaped(why.first),
                        escaped(why.second), c.n, folded(c.nodes));
  out += "<h2>Rewrites that nearly fired</h2>" + table({"rewrite", "reason", "times", "nodes"}, rows);
  const LoadReport::Memory& m = r.memory;
  out += fmt::format(
      "<h2>Plan</h2><p>{} steps, {} of them views, {} may write over an input. {} results, {} together, at most {} "
      "alive at once; the size of {} is known only in a run. {} constants, {}.</p>",
      m.steps, m.views, m.in_place, m.values, bytes_text(static_cast<double>(m.bytes)),
      bytes_text(static_cast<double>(m.peak_bytes)), m.unsized, m.constants,
      bytes_text(static_cast<double>(m.constant_bytes)));
  rows.clear();
  for (const auto& [stage, ms] : r.stage_ms)
    if (ms > 0) rows += fmt::format("<tr><td>{}</td><td class=n>{}</td></tr>", escaped(stage), milliseconds(ms));
  return out + "<h2>Times of loading</h2>" + table({"stage", "time"}, rows) + "</html>\n";
}

}  // namespace tenon::cli
