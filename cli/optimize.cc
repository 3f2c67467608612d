// optimize.cc: tenon optimize: a model as it is after the rewrites of a level, saved.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "command.h"
#include "describe.h"

namespace tenon::cli {
namespace {

struct Options {
  std::string model, out, external;
  int64_t min_bytes = 1024;
  ModelOptions session;
  bool json = false;
};

int optimize(const Options& o) {
  if (o.external.find('/') != o.external.npos)
    throw UsageError(fmt::format("--external: expected the name of a file beside the model, found '{}'", o.external));
  SessionOptions s = session_options(o.session);
  s.optimized_model_filepath = o.out;
  if (!o.external.empty()) {
    s.config["session.optimized_model_external_initializers_file_name"] = o.external;
    s.config["session.optimized_model_external_initializers_min_size_in_bytes"] = std::to_string(o.min_bytes);
  }
  const Session session(o.model, s);
  const LoadReport& r = session.load_report();
  const auto bytes = static_cast<double>(std::filesystem::file_size(o.out));
  if (o.json) {
    const nlohmann::json j{{"file", o.out},
                           {"level", o.session.level},
                           {"bytes", bytes},
                           {"nodes_loaded", r.nodes_loaded},
                           {"nodes_final", r.nodes_final},
                           {"rewrites", r.rewrites.size()}};
    fmt::print("{}\n", j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return kOk;
  }
  fmt::print("level {}: {} rewrites, {} of {} nodes left\n{}: {}\n", o.session.level, r.rewrites.size(), r.nodes_final,
             r.nodes_loaded, o.out, bytes_text(bytes));
  return kOk;
}

}  // namespace

void add_optimize(CLI::App& app, int& status) {
  auto o = std::make_shared<Options>();
  CLI::App& c = *app.add_subcommand("optimize", "Save a model as it is after the rewrites of a level");
  c.add_option("MODEL", o->model, "ONNX file")->required();
  c.add_option("OUT", o->out, "File to write")->required();
  CLI::Option* external =
      c.add_option("--external", o->external, "Put large weights into this file beside OUT")->type_name("NAME");
  c.add_option("--min-bytes", o->min_bytes, "With --external: weights of this size and above")
      ->check(CLI::NonNegativeNumber)
      ->needs(external)
      ->capture_default_str();
  c.add_flag("--json", o->json, "Print JSON");
  add_model_options(c, o->session, false);
  c.callback([o, &status] { status = optimize(*o); });
}

}  // namespace tenon::cli
