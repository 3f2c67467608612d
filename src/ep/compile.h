// What a provider compiles, what it makes of it, and the services that it may use meanwhile.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/log.h"
#include "graph/graph.h"
#include "ops/kernel.h"

namespace tenon::ep {

/// What runs a node or a compiled group. It sees operands in the provider's memory, and the provider's stream.
using Executable = ops::Kernel;

/// One convex group to compile: a graph of its own, whose inputs and outputs are the values that cross the border, in
/// the order of the executable's operands and results. Lives as long as the executable.
struct Subgraph {
  std::shared_ptr<const graph::Graph> body;
  std::string name;
};

/// Bytes, and what keeps them alive.
struct Blob {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

/// Services that a provider may use while compiling. Functions may be empty where there is no session.
struct CompileContext {
  ops::PackStore* store = nullptr;
  Isa isa = Isa::kPortable;
  const Logger* log = nullptr;  ///< the session's; outlives the executables
  /// The group as the default provider would run it, for providers that fall back on it.
  std::function<std::unique_ptr<const Executable>(const Subgraph&)> on_default = {};
  /// A graph as a model's bytes, and back: read as untrusted as every model is, and inferred.
  std::function<std::string(const graph::Graph&)> encode = {};
  std::function<std::unique_ptr<graph::Graph>(std::span<const std::byte>)> decode = {};
  /// What an EPContext node holds or points to, checked against the provider's name and version.
  std::function<Blob(const graph::Node&, std::string_view provider, std::string_view version)> context_of = {};
  bool may_compile = true;      ///< false: only what is compiled already (session.disable_model_compile)
  bool share_contexts = false;  ///< ep.share_ep_contexts: what is restored may serve other sessions, too
};

}  // namespace tenon::ep
