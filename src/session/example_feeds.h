// example_feeds: inputs that a model can be tried with.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace tenon::session {

/// "batch:4,seq:128" → sizes by name; throws kInvalidArgument naming tenon.placement_dims and the wrong piece.
std::map<std::string, int64_t> parse_dims(const std::string& text);

/// One value per argument of the main region, the same for the same graph: defaults where there are some, empty
/// optionals, else RandomValues, with zeros for integers when `zeros`. A dim that is a name has its size in `sizes`,
/// or 1. Throws kInvalidArgument for a name that no input has, kNotImplemented for inputs that no value can be made up
/// for (sequences, maps, unknown ranks).
std::vector<Value> example_feeds(const graph::Graph& g, const std::map<std::string, int64_t>& sizes,
                                 bool zeros = false);

}  // namespace tenon::session
