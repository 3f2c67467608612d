// feeds.cc: values of the inputs, from files or at random; the options that several commands share.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/dtype.h"
#include "command.h"
#include "files.h"
#include "onnx/value_file.h"
#include "session/random_values.h"
#include "tenon/provider.h"

namespace tenon::cli {
namespace {

using Dimensions = std::vector<int64_t>;

int64_t parse_size(const std::string& text, const std::string& option) {
  int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < 0)
    throw UsageError(fmt::format("{}: expected a size, found '{}'", option, text));
  return n;
}

// "1x3x224x224", "1,3,224" or "" for a scalar.
Dimensions parse_shape(const std::string& text, const std::string& option) {
  Dimensions dims;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of("x,", at), text.size());
    dims.push_back(parse_size(text.substr(at, end - at), option));
    if (end + 1 == text.size()) throw UsageError(fmt::format("{}: '{}' ends with a separator", option, text));
    at = end + 1;
  }
  return dims;
}

const NodeArg* find(const std::vector<NodeArg>& args, const std::string& name) {
  const auto it = std::find_if(args.begin(), args.end(), [&](const NodeArg& a) { return a.name == name; });
  return it == args.end() ? nullptr : &*it;
}

std::string names_of(const std::vector<NodeArg>& args) {
  std::string out;
  for (const NodeArg& a : args) out += (out.empty() ? "" : ", ") + a.name;
  return out.empty() ? "none" : out;
}

const NodeArg& input(const Session& s, const std::string& name, const std::string& option) {
  if (const NodeArg* a = find(s.inputs(), name)) return *a;
  if (const NodeArg* a = find(s.overridable_initializers(), name)) return *a;
  throw UsageError(
      fmt::format("{}: the model has no input '{}'; its inputs are {}", option, name, names_of(s.inputs())));
}

Value read_value(const std::string& path, const NodeArg& arg) {
  if (path.ends_with(".npy")) {
    const std::string bytes = read_file(path);
    return parse_npy({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, path, arg.dtype);
  }
  if (path.ends_with(".pb")) return onnx::read_value(read_file(path), arg.kind, path, arg.dtype);
  throw UsageError(fmt::format("--input: {}: expected a file that ends in .npy, .npz or .pb", path));
}

// The files of --input: NAME=FILE, an archive of arrays by name, or a bare file for the next input without one.
std::map<std::string, Value> read_inputs(const Session& s, const std::vector<std::string>& given) {
  std::map<std::string, Value> feeds;
  std::vector<std::string> bare;
  for (const std::string& g : given) {
    if (g.ends_with(".npz")) {
      const auto expected = [&](const std::string& name) { return input(s, name, "--input " + g).dtype; };
      for (auto& [name, value] : read_npz(g, expected)) feeds[name] = std::move(value);
    } else if (const size_t eq = g.find('='); eq != g.npos && eq > 0) {
      const NodeArg& arg = input(s, g.substr(0, eq), "--input");
      feeds[arg.name] = read_value(g.substr(eq + 1), arg);
    } else {
      bare.push_back(g);
    }
  }
  for (const std::string& path : bare) {
    const auto free =
        std::find_if(s.inputs().begin(), s.inputs().end(), [&](const NodeArg& a) { return !feeds.contains(a.name); });
    if (free == s.inputs().end())
      throw UsageError(
          fmt::format("--input: {}: the model's inputs ({}) have their values already", path, names_of(s.inputs())));
    feeds[free->name] = read_value(path, *free);
  }
  return feeds;
}

Dimensions concrete(const NodeArg& a, const std::map<std::string, int64_t>& sizes) {
  if (!a.shape) throw UsageError(fmt::format("input '{0}' has no declared rank: give --shape {0}=...", a.name));
  Dimensions dims;
  for (const DimInfo& d : *a.shape) {
    const auto it = sizes.find(d.symbol);
    dims.push_back(d.value && *d.value >= 0 ? *d.value : it == sizes.end() ? 1 : it->second);
  }
  return dims;
}

std::map<std::string, int64_t> parse_dims(const Session& s, const std::vector<std::string>& given) {
  std::map<std::string, int64_t> sizes;
  std::string known;
  for (const NodeArg& a : s.inputs())
    for (const DimInfo& d : a.shape.value_or(std::vector<DimInfo>()))
      if (!d.value && !d.symbol.empty() && known.find("'" + d.symbol + "'") == known.npos)
        known += (known.empty() ? "'" : ", '") + d.symbol + "'";
  for (const std::string& g : given) {
    const auto [name, size] = split_assignment(g, "--dim");
    if (known.find("'" + name + "'") == known.npos)
      throw UsageError(fmt::format("--dim: the inputs have no dimension '{}'; they have {}", name,
                                   known.empty() ? "none with a name" : known));
    sizes[name] = parse_size(size, "--dim " + name);
  }
  return sizes;
}

}  // namespace

std::pair<std::string, std::string> split_assignment(const std::string& text, const char* option) {
  const size_t eq = text.find('=', 1);
  if (text.empty() || eq == text.npos)
    throw UsageError(fmt::format("{}: expected NAME=VALUE, found '{}'", option, text));
  return {text.substr(0, eq), text.substr(eq + 1)};
}

void add_model_options(CLI::App& command, ModelOptions& o, bool with_profile) {
  command.add_option("--level", o.level, "Optimisation level: 0, 1, 2, 3 or 99")
      ->check(CLI::IsMember({0, 1, 2, 3, 99}))
      ->capture_default_str();
  command.add_option("--threads", o.threads, "Threads of one operator; 0: one per core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command
      .add_option(
          "--provider", o.providers,
          "Who runs it, first choice first: NAME or NAME:key=value,key=value; may be repeated (the CPU is last)")
      ->allow_extra_args(false);
  command
      .add_option("--provider-library", o.provider_libraries,
                  "Library of providers, which --provider may then name; may be repeated")
      ->type_name("LIBRARY")
      ->allow_extra_args(false);
  command.add_option("--custom-ops", o.custom_ops, "Library of custom operators that the model uses; may be repeated")
      ->type_name("LIBRARY")
      ->allow_extra_args(false);
  command.add_option("--config", o.config, "Session option KEY=VALUE, as add_session_config_entry takes them")
      ->allow_extra_args(false);
  command.add_option("--log", o.log, "Log from 0 verbose, 1 info, 2 warning, 3 error, 4 fatal")
      ->check(CLI::Range(0, 4))
      ->capture_default_str();
  if (with_profile)
    command.add_option("--profile", o.profile, "Write a trace to PREFIX_<date>.json")->type_name("PREFIX");
}

SessionOptions session_options(const ModelOptions& o) {
  SessionOptions s;
  s.graph_optimization_level = static_cast<OptimizationLevel>(o.level);
  s.intra_op_num_threads = o.threads;
  s.log_severity_level = o.log;
  s.enable_profiling = !o.profile.empty();
  if (s.enable_profiling) s.profile_file_prefix = o.profile;
  for (const std::string& c : o.config) s.config.insert(split_assignment(c, "--config"));
  static std::set<std::string> registered;
  for (const std::string& library : o.provider_libraries)
    if (registered.insert(library).second) register_provider_library(library, library);
  for (const std::string& p : o.providers) s.providers.push_back(parse_provider(p));
  for (const std::string& library : o.custom_ops) s.register_custom_ops_library(library);
  return s;
}

ProviderSpec parse_provider(const std::string& text) {
  const size_t colon = std::min(text.find(':'), text.size());
  ProviderSpec p{text.substr(0, colon), {}};
  if (p.name.empty()) throw UsageError(fmt::format("--provider: expected NAME or NAME:key=value, found '{}'", text));
  if (const std::string full = p.name + "ExecutionProvider"; !has_provider(p.name) && has_provider(full)) p.name = full;
  std::string* value = nullptr;
  for (size_t at = colon + 1; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string piece = text.substr(at, end - at);
    at = end + 1;
    if (const size_t eq = piece.find('='); eq != piece.npos && eq > 0)
      value = &(p.options[piece.substr(0, eq)] = piece.substr(eq + 1));
    else if (value)
      *value += "," + piece;
    else
      throw UsageError(fmt::format("--provider {}: expected key=value, found '{}'", text, piece));
  }
  return p;
}

void add_feed_options(CLI::App& command, FeedOptions& o) {
  command
      .add_option("-i,--input", o.inputs,
                  "NAME=FILE or FILE: .npy, .npz (arrays by input name) or .pb; may be repeated")
      ->allow_extra_args(false);
  command.add_option("--shape", o.shapes, "NAME=1x3x224x224: shape of a random input; may be repeated")
      ->allow_extra_args(false);
  command
      .add_option("--dim", o.dims, "NAME=SIZE: size of a named dimension of random inputs (default 1); may be repeated")
      ->allow_extra_args(false);
  command.add_option("--seed", o.seed, "Seed of random inputs")->capture_default_str();
}

std::map<std::string, Value> make_feeds(const Session& session, const FeedOptions& o) {
  std::map<std::string, Value> feeds = read_inputs(session, o.inputs);
  const auto sizes = parse_dims(session, o.dims);
  std::map<std::string, Dimensions> shapes;
  for (const std::string& g : o.shapes) {
    const auto [name, shape] = split_assignment(g, "--shape");
    input(session, name, "--shape");
    if (feeds.contains(name)) throw UsageError(fmt::format("--shape: input '{}' has its value from a file", name));
    shapes[name] = parse_shape(shape, "--shape " + name);
  }
  session::RandomValues random(o.seed);
  const auto tensor = [&](const NodeArg& a, const Dimensions& dims) { return random.tensor(a.dtype, dims, a.name); };
  for (const NodeArg& a : session.inputs()) {
    if (feeds.contains(a.name)) continue;
    if (a.kind == ValueKind::kOptional) {
      feeds[a.name] = Value::optional({});
      continue;
    }
    if (a.kind != ValueKind::kTensor)
      throw UsageError(fmt::format("input '{}' is a {}: give it with --input {}=FILE.pb", a.name, a.type, a.name));
    const auto it = shapes.find(a.name);
    feeds[a.name] = tensor(a, it == shapes.end() ? concrete(a, sizes) : it->second);
  }
  for (const auto& [name, shape] : shapes)  // defaults of the model are overridden only when asked
    if (!feeds.contains(name)) feeds[name] = tensor(input(session, name, "--shape"), shape);
  return feeds;
}

}  // namespace tenon::cli
