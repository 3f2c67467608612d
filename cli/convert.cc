// convert.cc: tenon convert: moves the weights of a model into a file of their own, or back into the model.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "command.h"
#include "describe.h"
#include "files.h"
#include "onnx/load.h"
#include "onnx/write.h"
#include "ops/op.h"

namespace tenon::cli {
namespace {

struct Options {
  std::string model, out, external;
  int64_t min_bytes = 1024;
  bool embed = false, json = false;
};

int convert(const Options& o) {
  if (o.embed == !o.external.empty()) throw UsageError("expected one of --embed and --external NAME");
  if (o.external.find('/') != o.external.npos)
    throw UsageError(fmt::format("--external: expected the name of a file beside the model, found '{}'", o.external));
  const auto g = onnx::load_file(o.model, {.ops = ops::builtin_ops()});
  onnx::WriteOptions w{.ops = ops::builtin_ops()};
  const std::filesystem::path out = o.out;
  double data_bytes = 0;
  if (o.embed) {
    write_file(o.out, onnx::write_model(*g, w));  // refuses what would pass 2 GB
  } else {
    if (o.external == out.filename()) throw UsageError("--external names the model file itself");
    w.external_file = o.external;
    w.external_min_bytes = o.min_bytes;
    onnx::save_file(*g, out, w);
    std::error_code none;  // no weight may be that large
    const auto size = std::filesystem::file_size(out.parent_path() / o.external, none);
    data_bytes = none ? 0 : static_cast<double>(size);
  }
  const auto bytes = static_cast<double>(std::filesystem::file_size(out));
  if (o.json) {
    nlohmann::json j{{"file", o.out}, {"bytes", bytes}};
    if (!o.embed) j.update({{"external", o.external}, {"external_bytes", data_bytes}});
    fmt::print("{}\n", j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return kOk;
  }
  fmt::print("{}: {}\n", o.out, bytes_text(bytes));
  if (!o.embed) fmt::print("{}: {}\n", (out.parent_path() / o.external).string(), bytes_text(data_bytes));
  return kOk;
}

}  // namespace

void add_convert(CLI::App& app, int& status) {
  auto o = std::make_shared<Options>();
  CLI::App& c = *app.add_subcommand("convert", "Move the weights of a model into a file of their own, or back");
  c.add_option("MODEL", o->model, "ONNX file")->required();
  c.add_option("OUT", o->out, "File to write")->required();
  CLI::Option* embed = c.add_flag("--embed", o->embed, "Put all weights into the model file");
  CLI::Option* external = c.add_option("--external", o->external, "Put large weights into this file beside OUT")
                              ->type_name("NAME")
                              ->excludes(embed);
  c.add_option("--min-bytes", o->min_bytes, "With --external: weights of this size and above")
      ->check(CLI::NonNegativeNumber)
      ->needs(external)
      ->capture_default_str();
  c.add_flag("--json", o->json, "Print JSON");
  c.callback([o, &status] { status = convert(*o); });
}

}  // namespace tenon::cli
