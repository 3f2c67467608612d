// Signature: the declared inputs and outputs of a graph, and the check of feeds against them.
#pragma once
#include "graph/graph.h"
#include "tenon/session.h"

namespace tenon::session {

NodeArg node_arg(const graph::Graph& g, const std::string& name, const ValueType& t);
ModelMetadata metadata_of(const graph::Graph& g);
/// Throws kInvalidArgument naming the input, expected and found, when `v` cannot be fed to an input of type `t`.
void check_feed(const std::string& name, const ValueType& t, const Value& v);

}  // namespace tenon::session
