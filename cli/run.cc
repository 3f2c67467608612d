// run.cc: tenon run: one run of a model; summary of the outputs, or the outputs in a file.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "command.h"
#include "describe.h"
#include "files.h"

namespace tenon::cli {
namespace {

struct Options {
  std::string model, output;
  ModelOptions session;
  FeedOptions feeds;
  std::vector<std::string> names;
  bool json = false;
};

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point t) { return std::chrono::duration<double, std::milli>(Clock::now() - t).count(); }

int run(const Options& o) {
  auto start = Clock::now();
  Session session(o.model, session_options(o.session));
  const double load_ms = ms_since(start);
  const auto feeds = make_feeds(session, o.feeds);
  std::vector<std::string> names = o.names;
  if (names.empty())
    for (const NodeArg& a : session.outputs()) names.push_back(a.name);
  start = Clock::now();
  const std::vector<Value> values = session.run(feeds, names);
  const double run_ms = ms_since(start);
  NamedValues outputs;
  for (size_t i = 0; i < names.size(); ++i) outputs.emplace_back(names[i], values[i]);
  if (!o.output.empty()) write_npz(o.output, outputs);
  const std::string trace = session.end_profiling();

  if (o.json) {
    nlohmann::json j{{"load_ms", load_ms}, {"run_ms", run_ms}, {"outputs", nlohmann::json::array()}};
    for (const auto& [name, value] : outputs) j["outputs"].push_back(describe_json(name, value));
    if (!o.output.empty()) j["file"] = o.output;
    if (!trace.empty()) j["profile"] = trace;
    fmt::print("{}\n", j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return kOk;
  }
  for (const auto& [name, value] : outputs) fmt::print("{}\n", describe(name, value));
  fmt::print("loaded in {}, ran in {}\n", milliseconds(load_ms), milliseconds(run_ms));
  if (!o.output.empty()) fmt::print("outputs: {}\n", o.output);
  if (!trace.empty()) fmt::print("profile: {}\n", trace);
  return kOk;
}

}  // namespace

void add_run(CLI::App& app, int& status) {
  auto o = std::make_shared<Options>();
  CLI::App& c = *app.add_subcommand("run", "Run a model once, on files or on random inputs");
  c.add_option("MODEL", o->model, "ONNX file")->required();
  add_feed_options(c, o->feeds);
  c.add_option("--fetch", o->names, "Name of an output that is wanted; may be repeated (default: all)")
      ->allow_extra_args(false);
  c.add_option("-o,--output", o->output, "Write the outputs to this .npz file")->type_name("FILE");
  c.add_flag("--json", o->json, "Print JSON");
  add_model_options(c, o->session);
  c.callback([o, &status] { status = run(*o); });
}

}  // namespace tenon::cli
