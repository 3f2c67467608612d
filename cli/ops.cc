// ops.cc: tenon ops: the operators of this build.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.h"
#include "ops_markdown.h"

namespace tenon::cli {
namespace {

struct Options {
  std::vector<std::string> filters;
  std::string domain;
  bool json = false, markdown = false;
};

std::string lower(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return s;
}

bool wanted(const nlohmann::json& row, const Options& o) {
  std::string domain = row.at("domain").get<std::string>();
  if (domain.empty()) domain = "ai.onnx";
  if (!o.domain.empty() && domain != o.domain) return false;
  const std::string name = lower(row.at("name").get<std::string>());
  return o.filters.empty() || std::any_of(o.filters.begin(), o.filters.end(),
                                          [&](const std::string& f) { return name.find(lower(f)) != name.npos; });
}

int ops(const Options& o) {
  nlohmann::json rows = nlohmann::json::array();
  for (auto& row : nlohmann::json::parse(op_table_json()))
    if (wanted(row, o)) rows.push_back(std::move(row));
  if (o.json) {
    fmt::print("{}\n", rows.dump(2));
    return kOk;
  }
  OpsByName by_name;
  for (auto& row : rows) {
    const std::string domain = row.at("domain").get<std::string>();
    by_name[{domain.empty() ? "ai.onnx" : domain, row.at("name").get<std::string>()}].push_back(std::move(row));
  }
  if (by_name.empty()) {
    fmt::print("no operator matches\n");
    return kFailed;
  }
  for (auto& [key, list] : by_name)
    std::sort(list.begin(), list.end(),
              [](const nlohmann::json& a, const nlohmann::json& b) { return a.at("since") < b.at("since"); });
  if (o.markdown) {
    fmt::print("{}", ops_markdown(by_name));
    return kOk;
  }
  size_t name_width = 8, domain_width = 6;
  for (const auto& [key, list] : by_name) {
    name_width = std::max(name_width, key.second.size());
    domain_width = std::max(domain_width, key.first.size());
  }
  fmt::print("{:<{}}  {:<{}}  versions\n", "operator", name_width, "domain", domain_width);
  for (const auto& [key, list] : by_name)
    fmt::print("{:<{}}  {:<{}}  {}\n", key.second, name_width, key.first, domain_width, op_versions(list));
  fmt::print("{} operators, {} versions\n", by_name.size(), rows.size());
  return kOk;
}

}  // namespace

void add_ops(CLI::App& app, int& status) {
  auto o = std::make_shared<Options>();
  CLI::App& c = *app.add_subcommand("ops", "List the operators of this build");
  c.add_option("FILTER", o->filters, "Parts of names, upper or lower case");
  c.add_option("--domain", o->domain, "Only this domain: ai.onnx, ai.onnx.ml, com.microsoft");
  CLI::Option* json = c.add_flag("--json", o->json, "Print JSON: versions, inputs, outputs, attributes, types");
  c.add_flag("--markdown", o->markdown, "Print docs/operators.md: versions, types, how each runs")->excludes(json);
  c.callback([o, &status] { status = ops(*o); });
}

}  // namespace tenon::cli
