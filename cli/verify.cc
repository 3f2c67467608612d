// verify.cc: tenon verify: runs a model in two configurations and finds the first value that differs.
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "base/dtype.h"
#include "command.h"
#include "describe.h"
#include "graph/graph.h"
#include "partition/group_op.h"
#include "session/observe.h"

namespace tenon::cli {
namespace {

struct Options {
  std::string model, a = "level=0", b = "level=99";
  FeedOptions feeds;
  double rtol = 1e-3, atol = 1e-5;
  bool json = false, all = false;
};

// "level=1 threads=2 provider=TestDevice:ops=Conv disable=ConvRelu session.key=value", cut at blanks and ';'.
SessionOptions parse_configuration(std::string text) {
  for (char& c : text)
    if (c == ';') c = ' ';
  ModelOptions o;
  std::vector<std::string> disabled;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto [key, value] = split_assignment(word, "configuration");
    const auto number = [&, k = key, v = value](std::initializer_list<int> allowed) {
      int n = 0;
      if (!CLI::detail::lexical_cast(v, n) || n < 0 ||
          (allowed.size() && std::ranges::find(allowed, n) == allowed.end()))
        throw UsageError(fmt::format("configuration '{}': {} is no {}", text, v, k));
      return n;
    };
    if (key == "level")
      o.level = number({0, 1, 2, 3, 99});
    else if (key == "threads")
      o.threads = number({});
    else if (key == "provider")
      o.providers.push_back(value);
    else if (key == "disable")
      disabled.push_back(value);
    else if (key.find('.') != key.npos)
      o.config.push_back(word);
    else
      throw UsageError(fmt::format(
          "configuration '{}': '{}' found, expected level, threads, provider, disable or a session option's key", text,
          key));
  }
  SessionOptions s = session_options(o);
  s.disabled_optimizers = std::move(disabled);
  return s;
}

struct Seen {
  std::string name, op, node;
  int time = 0;  ///< how often a value of that name came before: bodies of loops run again
  Value value;
};

// Copies every tensor that a step of the host makes. What lives on a device is seen when it is copied to the host.
class Recorder final : public exec::Observer {
 public:
  void before(const exec::StepView&) override {}
  void after(const exec::StepView& v) override {
    const plan::Step& s = v.plan.steps[v.step];
    const graph::Node& n = v.plan.graph->node(s.node);
    for (plan::SlotId id : v.plan.outputs(s)) {
      if (id == plan::kNoSlot) continue;
      const plan::Slot& slot = v.plan.slots[id];
      const ops::TensorRef& t = v.slots[id];
      const graph::ValueInfo& info = v.plan.graph->value(slot.value);
      if (slot.domain != 0 || slot.is_handle || !t.dim || (!t.data && t.count)) continue;
      if (info.type.layout != Layout::kPlain) continue;  // its bytes are in another order than its dims say
      Value copy = Value::tensor(t.dtype, t.dims());
      if (copy.bytes()) std::memcpy(copy.mutable_data(), t.data, copy.bytes());
      // A copy to the host shows the value that a device has made.
      const std::string& name = n.def == &partition::kCopyOp ? v.plan.graph->value(n.inputs[0]).name : info.name;
      values.push_back({name, n.op, n.name, times_[name]++, std::move(copy)});
    }
  }
  std::vector<Seen> values;

 private:
  std::map<std::string, int> times_;
};

struct Difference {
  double largest = 0;  ///< |a - b|, infinite where only one is a number
  double excess = 0;   ///< largest of |a - b| / (atol + rtol |a|): above 1 is too much
  int64_t at = 0, count = 0;
  std::string problem;  ///< type or shape differ
};

Difference compare(const Value& a, const Value& b, const Options& o) {
  Difference d;
  if (a.kind() != b.kind()) return {0, 0, 0, 0, fmt::format("{} and {}", type_text(a), type_text(b))};
  if (!a.is_tensor()) {
    if (a.items().size() != b.items().size()) return {0, 0, 0, 0, fmt::format("{} and {}", type_text(a), type_text(b))};
    for (size_t i = 0; i < a.items().size() && d.problem.empty() && !(d.excess > 1); ++i)
      d = compare(a.items()[i], b.items()[i], o);
    return d;
  }
  if (a.dtype() != b.dtype() || !std::ranges::equal(a.dims(), b.dims()))
    return {0, 0, 0, 0, fmt::format("{} and {}", type_text(a), type_text(b))};
  const bool inexact = is_float(a.dtype());
  for (int64_t i = 0; i < a.count(); ++i) {
    double gap = 0, allowed = 0;
    if (a.dtype() == DType::kString) {
      gap = a.string_data()[i] == b.string_data()[i] ? 0 : INFINITY;
    } else if (!is_numeric(a.dtype())) {
      return {std::memcmp(a.data(), b.data(), a.bytes()) ? INFINITY : 0.0,
              std::memcmp(a.data(), b.data(), a.bytes()) ? INFINITY : 0.0, 0, 0, ""};
    } else {
      const double x = number_at(a, i), y = number_at(b, i);
      if (x == y || (std::isnan(x) && std::isnan(y))) continue;
      gap = std::isfinite(x) && std::isfinite(y) ? std::abs(x - y) : INFINITY;
      if (inexact) allowed = o.atol + o.rtol * std::abs(x);
    }
    if (gap == 0) continue;
    const double excess = allowed > 0 && std::isfinite(gap) ? gap / allowed : INFINITY;
    d.count += excess > 1;
    d.largest = std::max(d.largest, gap);
    if (excess > d.excess) {
      d.excess = excess;
      d.at = i;
    }
  }
  return d;
}

struct Finding {
  std::string name, op, node, op_b, node_b;  ///< who made it in A and in B
  int time = 0;
  Difference difference;
};

std::string text_of(const Finding& f) {
  std::string out = f.name;
  if (f.time) out += fmt::format(" (time {})", f.time + 1);
  if (!f.op.empty()) out += fmt::format(", made by {} \"{}\"", f.op, f.node);
  if (f.op != f.op_b || f.node != f.node_b) out += fmt::format(" (in B by {} \"{}\")", f.op_b, f.node_b);
  const Difference& d = f.difference;
  if (!d.problem.empty()) return out + ": " + d.problem;
  return out + fmt::format(": {} elements differ, by up to {:.3g}; worst at {}", d.count, d.largest, d.at);
}

struct Result {
  std::vector<Seen> values;
  std::vector<Value> outputs;
};

Result run(const Session& session, const std::map<std::string, Value>& feeds) {
  Recorder recorder;
  Result r;
  {
    const session::ObserveRuns watch(recorder);
    r.outputs = session.run(feeds);
  }
  r.values = std::move(recorder.values);
  return r;
}

int verify(const Options& o) {
  set_seed(static_cast<int64_t>(o.feeds.seed));
  const Session first(o.model, parse_configuration(o.a));
  const auto feeds = make_feeds(first, o.feeds);
  const Result a = run(first, feeds);
  set_seed(static_cast<int64_t>(o.feeds.seed));
  const Session second(o.model, parse_configuration(o.b));
  const Result b = run(second, feeds);

  std::map<std::pair<std::string, int>, const Seen*> in_b;
  for (const Seen& s : b.values) in_b[{s.name, s.time}] = &s;
  std::vector<Finding> inner, outer;
  std::set<std::string> result_names;
  for (const NodeArg& r : first.outputs()) result_names.insert(r.name);
  size_t shared = 0, same = 0;
  double largest = 0;
  for (const Seen& s : a.values) {
    const auto it = in_b.find({s.name, s.time});
    if (it == in_b.end()) continue;
    const Difference d = compare(s.value, it->second->value, o);
    if (!d.problem.empty()) continue;  // a rewrite gave the name to something else
    ++shared;
    same += d.largest == 0;
    if (d.excess > 1) inner.push_back({s.name, s.op, s.node, it->second->op, it->second->node, s.time, d});
  }
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    const Difference d = compare(a.outputs[i], b.outputs[i], o);
    largest = std::max(largest, d.largest);
    if (d.excess > 1 || !d.problem.empty()) outer.push_back({first.outputs()[i].name, "", "", "", "", 0, d});
  }
  const bool agree = outer.empty();
  const Finding* found = agree ? nullptr : inner.empty() ? &outer[0] : &inner[0];
  if (o.json) {
    const auto json_of = [](const Finding& f) {
      nlohmann::json j{{"value", f.name}, {"time", f.time}, {"elements", f.difference.count}};
      if (!f.op.empty()) j.update({{"op", f.op}, {"node", f.node}, {"op_b", f.op_b}, {"node_b", f.node_b}});
      if (!f.difference.problem.empty()) j["problem"] = f.difference.problem;
      j["max_difference"] = std::isfinite(f.difference.largest) ? nlohmann::json(f.difference.largest) : "inf";
      return j;
    };
    nlohmann::json j{{"a", o.a},
                     {"b", o.b},
                     {"agree", agree},
                     {"compared", shared},
                     {"identical", same},
                     {"max_difference", std::isfinite(largest) ? nlohmann::json(largest) : "inf"},
                     {"outputs", nlohmann::json::array()},
                     {"values", nlohmann::json::array()},
                     {"first", found ? json_of(*found) : nlohmann::json()}};
    for (const Finding& f : outer) j["outputs"].push_back(json_of(f));
    for (const Finding& f : inner) j["values"].push_back(json_of(f));
    fmt::print("{}\n", j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return agree ? kOk : kFailed;
  }
  fmt::print("A: {}\nB: {}\n", o.a, o.b);
  fmt::print("{} values have a name in both, {} of them are identical\n", shared, same);
  if (agree)
    fmt::print("the {} outputs agree; largest difference {:.3g}\n", a.outputs.size(), largest);
  else
    fmt::print("first difference: {}\n", text_of(*found));
  for (const Finding& f : outer) fmt::print("output {}\n", text_of(f));
  if (agree && !inner.empty())
    fmt::print("{} inner values differ without effect on the outputs (rewrites may give a name to another value){}\n",
               inner.size(), o.all ? "" : "; --all lists them");
  if (o.all)
    for (const Finding& f : inner) fmt::print("value {}\n", text_of(f));
  return agree ? kOk : kFailed;
}

}  // namespace

void add_verify(CLI::App& app, int& status) {
  auto o = std::make_shared<Options>();
  CLI::App& c =
      *app.add_subcommand("verify", "Run a model in two configurations and find the first value that differs");
  c.add_option("MODEL", o->model, "ONNX file")->required();
  c.add_option("A", o->a,
               "First configuration: level=N threads=N provider=NAME:key=value disable=REWRITE KEY=VALUE, separated by "
               "blanks or ';'")
      ->capture_default_str();
  c.add_option("B", o->b, "Second configuration")->capture_default_str();
  c.add_option("--rtol", o->rtol, "Relative tolerance of floating-point values")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  c.add_option("--atol", o->atol, "Absolute tolerance of floating-point values")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  c.add_flag("--all", o->all, "List every value that differs");
  c.add_flag("--json", o->json, "Print JSON");
  add_feed_options(c, o->feeds);
  c.callback([o, &status] { status = verify(*o); });
}

}  // namespace tenon::cli
