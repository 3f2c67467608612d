// ops.cc: tenon ops: the operators of this build.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.h"

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

// "1", "1-5", "13" and "13+" for a row that is current.
std::string versions(const nlohmann::json& row) {
  const int since = row.at("since").get<int>(), until = row.at("until").get<int>();
  if (until == 0) return fmt::format("{}+", since);
  return since == until ? std::to_string(since) : fmt::format("{}-{}", since, until);
}

int ops(const Options& o) {
  nlohmann::json rows = nlohmann::json::array();
  for (auto& row : nlohmann::json::parse(op_table_json()))
    if (wanted(row, o)) rows.push_back(std::move(row));
  if (o.json) {
    fmt::print("{}\n", rows.dump(2));
    return kOk;
  }
  std::map<std::pair<std::string, std::string>, std::vector<nlohmann::json>> by_name;
  for (auto& row : rows) {
    const std::string domain = row.at("domain").get<std::string>();
    by_name[{domain.empty() ? "ai.onnx" : domain, row.at("name").get<std::string>()}].push_back(std::move(row));
  }
  if (by_name.empty()) {
    fmt::print("no operator matches\n");
    return kFailed;
  }
  size_t name_width = 8, domain_width = 6;
  for (const auto& [key, list] : by_name) {
    name_width = std::max(name_width, key.second.size());
    domain_width = std::max(domain_width, key.first.size());
  }
  if (o.markdown)
    fmt::print("| operator | domain | versions |\n|---|---|---|\n");
  else
    fmt::print("{:<{}}  {:<{}}  versions\n", "operator", name_width, "domain", domain_width);
  for (auto& [key, list] : by_name) {
    std::sort(list.begin(), list.end(),
              [](const nlohmann::json& a, const nlohmann::json& b) { return a.at("since") < b.at("since"); });
    std::string all;
    for (const auto& row : list) all += (all.empty() ? "" : ", ") + versions(row);
    if (o.markdown)
      fmt::print("| {} | {} | {} |\n", key.second, key.first, all);
    else
      fmt::print("{:<{}}  {:<{}}  {}\n", key.second, name_width, key.first, domain_width, all);
  }
  fmt::print("{}{} operators, {} versions\n", o.markdown ? "\n" : "", by_name.size(), rows.size());
  return kOk;
}

}  // namespace

void add_ops(CLI::App& app, int& status) {
  auto o = std::make_shared<Options>();
  CLI::App& c = *app.add_subcommand("ops", "List the operators of this build");
  c.add_option("FILTER", o->filters, "Parts of names, upper or lower case");
  c.add_option("--domain", o->domain, "Only this domain: ai.onnx, ai.onnx.ml, com.microsoft");
  CLI::Option* json = c.add_flag("--json", o->json, "Print JSON: versions, inputs, outputs, attributes, types");
  c.add_flag("--markdown", o->markdown, "Print a Markdown table")->excludes(json);
  c.callback([o, &status] { status = ops(*o); });
}

}  // namespace tenon::cli
