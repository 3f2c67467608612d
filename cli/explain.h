// explain.h: what a session did with a model, gathered for people.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tenon/session.h"

namespace tenon::cli {

/// How many, and the names of the nodes.
struct Count {
  int64_t n = 0, removed = 0;
  std::vector<std::string> nodes;
};

struct Explanation {
  std::string model;
  int level = 0;
  LoadReport report;
  LoadReport::Placement placement;
  std::vector<std::pair<std::string, Count>> fired;                                ///< by rewrite
  std::vector<std::pair<std::pair<std::string, std::string>, Count>> near_misses;  ///< by (rewrite, reason)
  /// By provider, then by group ("" = none), nodes per op.
  std::map<std::string, std::map<std::string, std::map<std::string, Count>>> placed;
  std::vector<std::pair<std::pair<std::string, std::string>, std::map<std::string, Count>>> refused;  ///< (who, why)
};

/// One page that needs nothing else.
std::string explain_html(const Explanation& e);
/// "Conv 3, Relu 2".
std::string ops_text(const std::map<std::string, Count>& ops);
/// "0.80 ms, by its nodes and copies 0.75 ms".
std::string candidate_text(const LoadReport::Placement::Measured::Candidate& c);
std::string copy_bytes_text(const LoadReport::Placement::Copy& c);

}  // namespace tenon::cli
