// A decision as reasons, as wishes and as JSON.
#include "partition/decision.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace tenon::partition {
namespace decision {
namespace {

using nlohmann::json;

json json_of(const Decision& d) {
  json j = {{"providers", d.providers}, {"chosen", d.chosen}, {"exact", d.exact}, {"notes", d.notes}};
  j["nodes"] = j["candidates"] = j["links"] = json::array();
  for (const auto& [id, n] : d.nodes) {
    json costs = json::array();
    for (const Decision::Cost& c : n.costs) costs.push_back({c.ns, c.estimated, c.compiled});
    j["nodes"].push_back({{"id", id},
                          {"name", n.name},
                          {"op", n.op},
                          {"provider", n.provider},
                          {"costs", costs},
                          {"copies", n.copies_ns}});
  }
  for (const Decision::Candidate& c : d.candidates)
    j["candidates"].push_back({{"kind", static_cast<int>(c.kind)},
                               {"provider", c.provider},
                               {"ns", c.ns},
                               {"predicted", c.predicted_ns},
                               {"note", c.note}});
  for (const Decision::Link& l : d.links)
    j["links"].push_back(
        {{"from", l.from}, {"to", l.to}, {"latency", l.latency_ns}, {"per_byte", l.ns_per_byte}, {"direct", l.direct}});
  return j;
}

Decision parse(const json& j) {
  Decision d;
  d.providers = j.at("providers").get<std::vector<std::string>>();
  d.chosen = j.at("chosen").get<size_t>();
  d.exact = j.at("exact").get<bool>();
  d.notes = j.at("notes").get<std::vector<std::string>>();
  for (const json& x : j.at("nodes")) {
    Decision::Node n{x.at("name"), x.at("op"), x.at("provider"), {}, x.at("copies")};
    for (const json& c : x.at("costs")) n.costs.push_back({c.at(0), c.at(1), c.at(2)});
    d.nodes[x.at("id").get<graph::NodeId>()] = std::move(n);
  }
  for (const json& x : j.at("candidates")) {
    const int kind = x.at("kind");
    if (kind < 0 || kind > Decision::Candidate::kCut) throw std::out_of_range("kind");
    d.candidates.push_back(
        {static_cast<Decision::Candidate::Kind>(kind), x.at("provider"), x.at("ns"), x.at("predicted"), x.at("note")});
  }
  for (const json& x : j.at("links"))
    d.links.push_back({x.at("from"), x.at("to"), x.at("latency"), x.at("per_byte"), x.at("direct")});
  return d;
}

bool fits(const Decision& d, const graph::Graph& g, const ep::Placed& p) {
  const size_t providers = p.providers.size();
  if (d.providers.size() != providers || d.chosen >= d.candidates.size()) return false;
  for (size_t k = 0; k < providers; ++k)
    if (d.providers[k] != p.providers[k].key) return false;
  for (const Decision::Candidate& c : d.candidates)
    if (c.provider >= providers) return false;
  for (const Decision::Link& l : d.links)
    if (l.from >= providers || l.to >= providers) return false;
  for (const auto& [id, n] : d.nodes) {
    if (n.provider >= providers || n.costs.size() != providers || id >= g.node_limit()) return false;
    if (!g.node(id).alive || g.node(id).op != n.op || g.node(id).name != n.name) return false;
  }
  return d.nodes.empty() || d.nodes.size() == g.live_nodes();
}

}  // namespace
}  // namespace decision

std::string Decision::name_of(const Candidate& c) const {
  if (c.kind == Candidate::kPriority) return "priority";
  if (c.kind == Candidate::kCut) return "cut";
  return c.provider + 1 == providers.size() ? "only " + providers[c.provider]
                                            : fmt::format("{}, then {}", providers[c.provider], providers.back());
}

std::function<std::string(graph::NodeId, size_t)> veto_of(std::shared_ptr<const Decision> d, size_t candidate) {
  const Decision::Candidate c = d->candidates[candidate];
  if (c.kind == Decision::Candidate::kPriority) return {};
  return [d = std::move(d), c](graph::NodeId n, size_t k) -> std::string {
    if (c.kind == Decision::Candidate::kOnly) {
      if (k == c.provider) return {};
      if (const std::string why = reason_of(*d, n, k); !why.empty()) return why;
      return fmt::format("measured: {} is faster", d->name_of(c));
    }
    const auto it = d->nodes.find(n);
    if (it == d->nodes.end()) return "measured: made of nodes that were given to the default provider";
    return it->second.provider == k ? std::string() : reason_of(*d, n, k);
  };
}

std::string time_text(int64_t ns) {
  const auto t = static_cast<double>(ns);
  return ns < 1'000'000 ? fmt::format("{:.1f} us", t / 1e3) : fmt::format("{:.2f} ms", t / 1e6);
}

std::string reason_of(const Decision& d, graph::NodeId id, size_t provider) {
  const auto it = d.nodes.find(id);
  if (it == d.nodes.end()) return {};
  const auto text = [](const Decision::Cost& c) { return time_text(c.ns) + (c.estimated ? " (estimated)" : ""); };
  const std::vector<Decision::Cost>& costs = it->second.costs;
  std::string out =
      costs[provider].ns < 0 ? "measured: not taken here" : "measured: " + text(costs[provider]) + " here";
  for (size_t k = 0; k < costs.size(); ++k)
    if (k != provider && costs[k].ns >= 0) out += fmt::format(", {} on {}", text(costs[k]), d.providers[k]);
  if (it->second.copies_ns) out += ", copies " + time_text(it->second.copies_ns);
  return out;
}

std::string to_json(const Decision& d) {
  return decision::json_of(d).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::shared_ptr<Decision> from_json(std::string_view text, const graph::Graph& g, const ep::Placed& p) {
  try {
    auto d = std::make_shared<Decision>(decision::parse(nlohmann::json::parse(text)));
    return decision::fits(*d, g, p) ? d : nullptr;
  } catch (const std::exception&) {  // json's and ours: whatever it is, it is not usable
    return nullptr;
  }
}

}  // namespace tenon::partition
