// test.cc: tenon test: directories of the ONNX standard: model.onnx, test_data_set_N/input_i.pb and output_i.pb.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/dtype.h"
#include "base/shape.h"
#include "command.h"
#include "describe.h"
#include "files.h"
#include "onnx/value_file.h"
#include "progress.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> dirs;
  std::string filter;
  double rtol = 1e-3, atol = 1e-5;
  bool json = false, verbose = false, list = false;
  ModelOptions session;
};

/// What was found instead of the expected output.
struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

bool same(const Value& want, const Value& got, int64_t i, const Options& o) {
  if (want.dtype() == DType::kString) return want.string_data()[i] == got.string_data()[i];
  if (is_float(want.dtype())) {
    const double w = number_at(want, i), g = number_at(got, i);
    if (std::isnan(w) || std::isnan(g)) return std::isnan(w) && std::isnan(g);
    return w == g || std::abs(w - g) <= o.atol + o.rtol * std::abs(w);
  }
  const size_t width = dtype_size(want.dtype());
  return std::memcmp(static_cast<const char*>(want.data()) + i * width,
                     static_cast<const char*>(got.data()) + i * width, width) == 0;
}

std::string element(const Value& v, int64_t i) {
  if (v.dtype() == DType::kString) return "\"" + v.string_data()[i] + "\"";
  return is_numeric(v.dtype()) ? fmt::format("{:.8g}", number_at(v, i)) : "other bits";
}

void compare_complex(const Value& want, const Value& got, const Options& o) {
  const auto parts = [](const Value& v) {
    const DType t = v.dtype() == DType::kComplex64 ? DType::kFloat : DType::kDouble;
    const int64_t n = 2 * v.count();
    return Value::borrow(t, std::span(&n, 1), const_cast<void*>(v.data()), [keep = v] {});
  };
  const Value w = parts(want), g = parts(got);
  for (int64_t i = 0; i < w.count(); ++i)
    if (!same(w, g, i, o))
      throw Mismatch(fmt::format("complex element {}: expected {}, found {}", i / 2, element(w, i), element(g, i)));
}

void compare(const Value& want, const Value& got, const Options& o) {
  if (got.kind() == ValueKind::kOptional && want.kind() != ValueKind::kOptional && !got.items().empty())
    return compare(want, got.items()[0], o);
  if (want.kind() != got.kind() || want.items().size() != got.items().size() ||
      (want.is_tensor() && (want.dtype() != got.dtype() || to_string(want.dims()) != to_string(got.dims()))))
    throw Mismatch(fmt::format("expected {}, found {}", type_text(want), type_text(got)));
  for (size_t i = 0; i < want.items().size(); ++i) {
    try {
      compare(want.items()[i], got.items()[i], o);
    } catch (const Mismatch& e) {
      throw Mismatch(fmt::format("item {}: {}", i, e.what()));
    }
  }
  if (!want.is_tensor()) return;
  if (contains(kComplexSet, want.dtype())) return compare_complex(want, got, o);
  if (is_packed(want.dtype())) {  // unused bits of the last byte are zero on both sides
    if (std::memcmp(want.data(), got.data(), want.bytes()) != 0) throw Mismatch("packed elements differ");
    return;
  }
  int64_t wrong = 0, first = 0;
  for (int64_t i = 0; i < want.count(); ++i)
    if (!same(want, got, i, o) && wrong++ == 0) first = i;
  if (wrong)
    throw Mismatch(fmt::format("{} of {} elements differ; at {} expected {}, found {}", wrong, want.count(), first,
                               element(want, first), element(got, first)));
}

std::vector<fs::path> data_sets(const fs::path& dir) {
  std::vector<fs::path> sets;
  for (const auto& e : fs::directory_iterator(dir))
    if (e.is_directory() && e.path().filename().string().starts_with("test_data_set_")) sets.push_back(e.path());
  std::sort(sets.begin(), sets.end());
  return sets;
}

// model.onnx, or the only .onnx file beside the data sets.
fs::path model_file(const fs::path& dir) {
  if (fs::exists(dir / "model.onnx")) return dir / "model.onnx";
  std::vector<fs::path> found;
  for (const auto& e : fs::directory_iterator(dir))
    if (e.path().extension() == ".onnx") found.push_back(e.path());
  return found.size() == 1 ? found[0] : fs::path();
}

std::vector<fs::path> find_tests(const Options& o) {
  std::vector<fs::path> tests;
  const auto consider = [&](const fs::path& dir) {
    if (dir.string().find(o.filter) != std::string::npos && !model_file(dir).empty() && !data_sets(dir).empty())
      tests.push_back(dir);
  };
  for (const std::string& d : o.dirs) {
    if (!fs::is_directory(d)) throw UsageError(fmt::format("{}: no such directory", d));
    consider(d);
    for (const auto& e : fs::recursive_directory_iterator(d, fs::directory_options::skip_permission_denied))
      if (e.is_directory() && !e.path().filename().string().starts_with("test_data_set_")) consider(e.path());
  }
  std::sort(tests.begin(), tests.end());
  tests.erase(std::unique(tests.begin(), tests.end()), tests.end());
  return tests;
}

void run_set(const Session& session, const fs::path& set, const Options& o) {
  const auto read = [&](const std::vector<NodeArg>& args, const char* what) {
    std::vector<Value> values;
    for (size_t i = 0; i < args.size(); ++i) {
      const fs::path file = set / fmt::format("{}_{}.pb", what, i);
      if (!fs::exists(file)) break;
      values.push_back(onnx::read_value(read_file(file), args[i].kind, file.filename(), args[i].dtype));
    }
    return values;
  };
  std::vector<NodeArg> args = session.inputs();
  const auto& defaults = session.overridable_initializers();
  args.insert(args.end(), defaults.begin(), defaults.end());
  std::map<std::string, Value> feeds;
  const std::vector<Value> inputs = read(args, "input"), want = read(session.outputs(), "output");
  for (size_t i = 0; i < inputs.size(); ++i) feeds[args[i].name] = inputs[i];
  if (want.empty()) throw Mismatch("expected an output_0.pb, found none");
  const std::vector<Value> got = session.run(feeds);
  for (size_t i = 0; i < want.size(); ++i) {
    try {
      compare(want[i], got[i], o);
    } catch (const Mismatch& e) {
      throw Mismatch(fmt::format("{}, output {}: {}", set.filename().string(), session.outputs()[i].name, e.what()));
    }
  }
}

/// Empty when every data set gives what it should.
std::string problem(const fs::path& dir, const Options& o) {
  try {
    const Session session(model_file(dir).string(), session_options(o.session));
    for (const fs::path& set : data_sets(dir)) run_set(session, set, o);
    return {};
  } catch (const std::exception& e) {
    return e.what();
  }
}

int test(const Options& o) {
  const std::vector<fs::path> tests = find_tests(o);
  if (tests.empty()) throw UsageError("no directory with a model and test_data_set_N folders is there");
  if (o.list) {
    for (const fs::path& t : tests) fmt::print("{}\n", t.string());
    return kOk;
  }
  nlohmann::json report = nlohmann::json::array();
  Progress bar("tests", static_cast<int64_t>(tests.size()));
  size_t failed = 0, done = 0;
  for (const fs::path& t : tests) {
    const std::string why = problem(t, o);
    bar.update(static_cast<int64_t>(++done));
    failed += !why.empty();
    if (o.json) {
      report.push_back({{"test", t.string()}, {"passed", why.empty()}});
      if (!why.empty()) report.back()["problem"] = why;
    } else if (!why.empty() || o.verbose) {
      bar.clear();
      fmt::print("{} {}{}{}\n", why.empty() ? "ok  " : "FAIL", t.string(), why.empty() ? "" : ": ", why);
      std::fflush(stdout);
    }
  }
  bar.clear();
  if (o.json)
    fmt::print("{}\n", nlohmann::json{{"passed", tests.size() - failed}, {"failed", failed}, {"tests", report}}.dump(
                           2, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    fmt::print("{} passed, {} failed\n", tests.size() - failed, failed);
  return failed ? kFailed : kOk;
}

}  // namespace

void add_test(CLI::App& app, int& status) {
  auto o = std::make_shared<Options>();
  CLI::App& c = *app.add_subcommand("test", "Run test directories of the ONNX standard, found at any depth");
  c.add_option("DIR", o->dirs, "Directories with a model and test_data_set_N folders in or below them")->required();
  c.add_option("--filter", o->filter, "Only paths that contain this text");
  c.add_option("--rtol", o->rtol, "Relative tolerance of floating-point outputs")->capture_default_str();
  c.add_option("--atol", o->atol, "Absolute tolerance of floating-point outputs")->capture_default_str();
  c.add_flag("--list", o->list, "Print the directories and run nothing");
  c.add_flag("-v,--verbose", o->verbose, "Print passed tests, too");
  c.add_flag("--json", o->json, "Print JSON");
  o->session.log = 3;
  add_model_options(c, o->session, false);
  c.callback([o, &status] { status = test(*o); });
}

}  // namespace tenon::cli
