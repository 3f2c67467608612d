// bench.cc: tenon bench: latency of repeated runs on the same inputs.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>

#include "command.h"
#include "describe.h"
#include "progress.h"

namespace tenon::cli {
namespace {

struct Options {
  std::string model;
  ModelOptions session;
  FeedOptions feeds;
  int warmup = 3;
  int64_t repeats = 0;
  double seconds = 2;
  bool json = false;
};

using Clock = std::chrono::steady_clock;
double ms_between(Clock::time_point a, Clock::time_point b) {
  return std::chrono::duration<double, std::milli>(b - a).count();
}

struct Feeds {
  std::vector<std::string> names, fetches;
  std::vector<Value> values;
};

std::vector<double> measure(const Session& session, const Feeds& f, const Options& o) {
  std::vector<double> times;
  std::vector<Value> out(f.fetches.size());
  Progress bar("runs", o.repeats);
  const auto start = Clock::now();
  for (;;) {
    const auto before = Clock::now();
    session.run(f.names, f.values, f.fetches, out);
    const auto after = Clock::now();
    times.push_back(ms_between(before, after));
    const auto done = static_cast<int64_t>(times.size());
    if (o.repeats > 0 ? done >= o.repeats : ms_between(start, after) >= o.seconds * 1000) return times;
    bar.update(done);
  }
}

// Nearest rank: the smallest time that at least `share` of all are not above.
double percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<size_t>(std::max(0.0, share * static_cast<double>(sorted.size()) - 1e-9));
  return sorted[std::min(rank, sorted.size() - 1)];
}

int bench(const Options& o) {
  auto start = Clock::now();
  Session session(o.model, session_options(o.session));
  const double load_ms = ms_between(start, Clock::now());
  Feeds f;
  for (auto& [name, value] : make_feeds(session, o.feeds)) {
    f.names.push_back(name);
    f.values.push_back(value);
  }
  for (const NodeArg& a : session.outputs()) f.fetches.push_back(a.name);
  std::vector<Value> out(f.fetches.size());
  start = Clock::now();
  session.run(f.names, f.values, f.fetches, out);
  const double first_ms = ms_between(start, Clock::now());
  for (int i = 1; i < o.warmup; ++i) session.run(f.names, f.values, f.fetches, out);

  std::vector<double> times = measure(session, f, o);
  const std::string trace = session.end_profiling();
  const double total = std::accumulate(times.begin(), times.end(), 0.0), n = static_cast<double>(times.size());
  std::sort(times.begin(), times.end());
  const double median = percentile(times, 0.5), p90 = percentile(times, 0.9), p99 = percentile(times, 0.99);
  if (o.json) {
    nlohmann::json j{{"model", o.model},
                     {"level", o.session.level},
                     {"threads", o.session.threads},
                     {"load_ms", load_ms},
                     {"first_ms", first_ms},
                     {"runs", times.size()},
                     {"min_ms", times.front()},
                     {"median_ms", median},
                     {"mean_ms", total / n},
                     {"p90_ms", p90},
                     {"p99_ms", p99},
                     {"max_ms", times.back()},
                     {"runs_per_second", n / (total / 1000)}};
    if (!trace.empty()) j["profile"] = trace;
    fmt::print("{}\n", j.dump(2));
    return kOk;
  }
  fmt::print("load {}, first run {}\n", milliseconds(load_ms), milliseconds(first_ms));
  fmt::print("{} runs: min {}, median {}, mean {}, p90 {}, p99 {}, max {}\n", times.size(), milliseconds(times.front()),
             milliseconds(median), milliseconds(total / n), milliseconds(p90), milliseconds(p99),
             milliseconds(times.back()));
  fmt::print("{} runs per second\n", count_text(n / (total / 1000)));
  if (!trace.empty()) fmt::print("profile: {}\n", trace);
  return kOk;
}

}  // namespace

void add_bench(CLI::App& app, int& status) {
  auto o = std::make_shared<Options>();
  CLI::App& c = *app.add_subcommand("bench", "Measure the latency of a model");
  c.add_option("MODEL", o->model, "ONNX file")->required();
  c.add_option("--warmup", o->warmup, "Runs before the measured ones, the first of which is reported by itself")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  CLI::Option* repeats = c.add_option("--repeats", o->repeats, "Measured runs (default: as many as fit into --seconds)")
                             ->check(CLI::Range(int64_t{1}, int64_t{1000000000}));
  c.add_option("--seconds", o->seconds, "How long to measure")
      ->check(CLI::Range(0.0, 86400.0))
      ->excludes(repeats)
      ->capture_default_str();
  c.add_flag("--json", o->json, "Print JSON, times in milliseconds");
  add_feed_options(c, o->feeds);
  add_model_options(c, o->session);
  c.callback([o, &status] { status = bench(*o); });
}

}  // namespace tenon::cli
