// Errors found while a model is read: the place goes in front, a bad argument becomes an invalid graph.
#pragma once
#include <string>
#include <string_view>

#include "tenon/error.h"

namespace tenon {

/// `e` with another message. What would be a bad argument of a call is an invalid graph where a model holds it; limits
/// and all other codes stay as they are.
Error in_model(const Error& e, std::string message);

/// The same at a node: `node "name" (op): ` goes in front of the message, unless an inner node's does already.
/// `quoted` is the node's name as messages show it.
Error at_node(const Error& e, const std::string& quoted, std::string_view op);

}  // namespace tenon
