// The operator page: what tenon ops --markdown prints and docs/operators.md holds.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace tenon::cli {

/// Rows of op_table_json() by (domain, name), oldest version first.
using OpsByName = std::map<std::pair<std::string, std::string>, std::vector<nlohmann::json>>;

/// "1-5, 6, 7+": the plus stands at a row that is current.
std::string op_versions(const std::vector<nlohmann::json>& rows);
/// The page in Markdown, a table per domain.
std::string ops_markdown(const OpsByName& ops);

}  // namespace tenon::cli
