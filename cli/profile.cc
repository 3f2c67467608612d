// profile.cc: tenon profile: which nodes take the time of a run, and a trace of them.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

#include "command.h"
#include "describe.h"
#include "graph/graph.h"
#include "session/observe.h"

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

using Clock = std::chrono::steady_clock;

struct Row {
  std::string name, op, provider;
  int64_t calls = 0;
  Clock::duration time{};
};

// Adds up the time of every node. Control flow nests.
class Timer final : public exec::Observer {
 public:
  explicit Timer(bool by_op) : by_op_(by_op) {}
  void before(const exec::StepView&) override { open_.push_back(Clock::now()); }
  void after(const exec::StepView& v) override {
    const Clock::duration time = Clock::now() - open_.back();
    open_.pop_back();
    const graph::NodeId id = v.plan.steps[v.step].node;
    const graph::Node& n = v.plan.graph->node(id);
    Row& row = rows_[by_op_ ? n.op + '\n' + n.provider : std::to_string(id)];
    if (!row.calls++) {
      row.name = by_op_ ? "" : n.name;
      row.op = n.op;
      row.provider = n.provider;
    }
    row.time += time;
    if (open_.empty()) in_nodes += time;
  }
  /// Most time first.
  std::vector<Row> rows() const {
    std::vector<Row> out;
    for (const auto& [key, row] : rows_) out.push_back(row);
    std::stable_sort(out.begin(), out.end(), [](const Row& a, const Row& b) { return a.time > b.time; });
    return out;
  }
  Clock::duration in_nodes{};

 private:
  bool by_op_;
  std::map<std::string, Row> rows_;
  std::vector<Clock::time_point> open_;
};

struct Profile {
  std::vector<Row> rows;
  double run_ms = 0, nodes_ms = 0;  ///< of one run
};

double ms(Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

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
               r.calls, 1000 * ms(r.time) / o.runs, p.nodes_ms > 0 ? 100 * ms(r.time) / o.runs / p.nodes_ms : 0.0);
  }
  if (shown < p.rows.size()) fmt::print("... {} more\n", p.rows.size() - shown);
}

int profile(const Options& o) {
  SessionOptions s = session_options(o.session);
  s.enable_profiling = true;
  s.profile_file_prefix = o.prefix;
  Session session(o.model, s);
  const auto feeds = make_feeds(session, o.feeds);
  session.run(feeds);  // plans and allocates
  Timer timer(o.by_op);
  const auto start = Clock::now();
  {
    const session::ObserveRuns watch(timer);
    for (int i = 0; i < o.runs; ++i) session.run(feeds);
  }
  const Profile p{timer.rows(), ms(Clock::now() - start) / o.runs, ms(timer.in_nodes) / o.runs};
  const std::string trace = session.end_profiling();
  if (o.json) {
    nlohmann::json j{{"runs", o.runs},
                     {"run_ms", p.run_ms},
                     {"nodes_ms", p.nodes_ms},
                     {"trace", trace},
                     {"rows", nlohmann::json::array()}};
    for (size_t i = 0; i < std::min(o.top, p.rows.size()); ++i) {
      const Row& r = p.rows[i];
      j["rows"].push_back(
          {{"op", r.op}, {"provider", r.provider}, {"calls", r.calls}, {"us_per_run", 1000 * ms(r.time) / o.runs}});
      if (!o.by_op) j["rows"].back()["node"] = r.name;
    }
    fmt::print("{}\n", j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return kOk;
  }
  print_table(p, o);
  fmt::print("{} runs after the first: {} each, {} of it in nodes (control flow includes its bodies)\ntrace: {}\n",
             o.runs, milliseconds(p.run_ms), milliseconds(p.nodes_ms), trace);
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
