// profile.cc: tenon profile: which nodes take the time of a run, and a trace of them.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "command.h"
#include "describe.h"
#include "files.h"

namespace tenon::cli {
namespace {

struct Options {
  std::string model, prefix = "tenon_profile";
  ModelOptions session;
  FeedOptions feeds;
  int runs = 10;
  size_t top = 20;
  bool json = false, by_op = false;
};

struct Row {
  std::string name, op, provider;
  int64_t calls = 0, us = 0;
};

struct Profile {
  std::vector<Row> rows;  ///< most time first
  int64_t run_us = 0, node_us = 0;
};

// Events of the runs behind the first one, which plans and allocates.
Profile read_trace(const std::string& path, bool by_op) {
  const nlohmann::json events = nlohmann::json::parse(read_file(path));
  std::vector<std::pair<int64_t, int64_t>> runs;
  for (const auto& e : events)
    if (e.at("name") == "model_run") runs.emplace_back(e.at("ts").get<int64_t>(), e.at("dur").get<int64_t>());
  std::sort(runs.begin(), runs.end());
  Profile p;
  for (size_t i = 1; i < runs.size(); ++i) p.run_us += runs[i].second;
  std::map<std::string, Row> rows;
  for (const auto& e : events) {
    if (e.at("cat") != "Node" || e.at("ts").get<int64_t>() < runs.at(1).first) continue;
    const auto& args = e.at("args");
    std::string name = e.at("name").get<std::string>();
    name.resize(name.size() - std::string_view("_kernel_time").size());
    const std::string op = args.at("op_name").get<std::string>(), provider = args.at("provider").get<std::string>();
    Row& row = rows[by_op ? op + '\n' + provider : name];
    row.name = by_op ? "" : name;
    row.op = op;
    row.provider = provider;
    ++row.calls;
    row.us += e.at("dur").get<int64_t>();
    p.node_us += e.at("dur").get<int64_t>();
  }
  for (auto& [key, row] : rows) p.rows.push_back(std::move(row));
  std::stable_sort(p.rows.begin(), p.rows.end(), [](const Row& a, const Row& b) { return a.us > b.us; });
  return p;
}

std::string cut(const std::string& s, size_t n) { return s.size() <= n ? s : "..." + s.substr(s.size() - n + 3); }

void print_table(const Profile& p, const Options& o) {
  const size_t shown = std::min(o.top, p.rows.size());
  constexpr size_t kName = 44;
  size_t name = 4, op = 2, provider = 8;
  for (size_t i = 0; i < shown; ++i) {
    name = std::max(name, std::min(kName, p.rows[i].name.size()));
    op = std::max(op, p.rows[i].op.size());
    provider = std::max(provider, p.rows[i].provider.size());
  }
  const std::string head = o.by_op ? "" : fmt::format("{:<{}}  ", "node", name);
  fmt::print("{}{:<{}}  {:<{}}  {:>6}  {:>11}  {:>6}\n", head, "op", op, "provider", provider, "calls", "us per run",
             "share");
  for (size_t i = 0; i < shown; ++i) {
    const Row& r = p.rows[i];
    fmt::print("{}{:<{}}  {:<{}}  {:>6}  {:>11.1f}  {:>5.1f}%\n",
               o.by_op ? "" : fmt::format("{:<{}}  ", cut(r.name, kName), name), r.op, op, r.provider, provider,
               r.calls, static_cast<double>(r.us) / o.runs,
               p.node_us ? 100.0 * static_cast<double>(r.us) / static_cast<double>(p.node_us) : 0.0);
  }
  if (shown < p.rows.size()) fmt::print("... {} more\n", p.rows.size() - shown);
}

int profile(const Options& o) {
  SessionOptions s = session_options(o.session);
  s.enable_profiling = true;
  s.profile_file_prefix = o.prefix;
  Session session(o.model, s);
  const auto feeds = make_feeds(session, o.feeds);
  for (int i = 0; i <= o.runs; ++i) session.run(feeds);
  const std::string trace = session.end_profiling();
  const Profile p = read_trace(trace, o.by_op);
  if (o.json) {
    nlohmann::json j{{"runs", o.runs},
                     {"run_ms", static_cast<double>(p.run_us) / 1000 / o.runs},
                     {"nodes_ms", static_cast<double>(p.node_us) / 1000 / o.runs},
                     {"trace", trace},
                     {"rows", nlohmann::json::array()}};
    for (size_t i = 0; i < std::min(o.top, p.rows.size()); ++i) {
      const Row& r = p.rows[i];
      j["rows"].push_back({{"op", r.op},
                           {"provider", r.provider},
                           {"calls", r.calls},
                           {"us_per_run", static_cast<double>(r.us) / o.runs}});
      if (!o.by_op) j["rows"].back()["node"] = r.name;
    }
    fmt::print("{}\n", j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return kOk;
  }
  print_table(p, o);
  fmt::print("{} runs after the first: {} each, {} of it in nodes (control flow counts its bodies again)\ntrace: {}\n",
             o.runs, milliseconds(static_cast<double>(p.run_us) / 1000 / o.runs),
             milliseconds(static_cast<double>(p.node_us) / 1000 / o.runs), trace);
  return kOk;
}

}  // namespace

void add_profile(CLI::App& app, int& status) {
  auto o = std::make_shared<Options>();
  CLI::App& c = *app.add_subcommand("profile", "Show which nodes take the time of a run, and write a trace");
  c.add_option("MODEL", o->model, "ONNX file")->required();
  c.add_option("--runs", o->runs, "Runs to look at; one more goes before them")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  c.add_option("--top", o->top, "Rows to print")->check(CLI::Range(1, 1000000))->capture_default_str();
  c.add_flag("--by-op", o->by_op, "One row per operator instead of per node");
  c.add_option("--prefix", o->prefix, "The trace goes to PREFIX_<date>.json")->capture_default_str();
  c.add_flag("--json", o->json, "Print JSON");
  add_feed_options(c, o->feeds);
  add_model_options(c, o->session, false);
  c.callback([o, &status] { status = profile(*o); });
}

}  // namespace tenon::cli
