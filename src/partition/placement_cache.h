// PlacementCache: decisions of measured placement, in the process and in files.
#pragma once
#include <filesystem>

#include "base/log.h"
#include "partition/decision.h"

namespace tenon::partition {

/// 128 bits in hex over everything that a decision depends on: the graph (structure, types, small constants; not the
/// contents of weights over 4 KB) and `circumstances` (providers and their options, machine, threads, dims ...).
std::string placement_key(const graph::Graph& g, std::string_view circumstances);

/// A decision made under this key for this graph; from the process first, then from `dir` (empty: no files). A file
/// that is torn, foreign or of another graph is passed over with a log line. Null when there is none.
std::shared_ptr<const Decision> cached_decision(const std::filesystem::path& dir, const std::string& key,
                                                const graph::Graph& g, const ep::Placed& p, const Logger& log);

/// Keeps it: in the process (the latest 256), and in `dir`/placement-KEY.json, which appears whole or not at all. A
/// file that cannot be written is one warning.
void keep_decision(const std::filesystem::path& dir, const std::string& key, const Decision& d, const Logger& log);

/// Makes `dir` where it is missing; throws kInvalidArgument naming tenon.cache_dir when it cannot be a directory.
void check_cache_dir(const std::filesystem::path& dir);

}  // namespace tenon::partition
