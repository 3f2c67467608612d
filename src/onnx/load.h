// load: model file or bytes → validated, typed Graph.
#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "graph/graph.h"
#include "graph/op_def.h"
#include "onnx/limits.h"

namespace tenon::onnx {

enum class Weights : uint8_t {
  kMapped,  ///< constants point into the mapped files, which must not change while the graph lives
  kRead,    ///< constants own their bytes
};

/// External data that the client has in memory.
struct ExternalData {
  std::map<std::string, Value> tensors;             ///< by name of the initializer, instead of its file
  std::map<std::string, Value, std::less<>> files;  ///< by location as the model writes it: uint8 tensors
  std::set<std::string> used;                       ///< names of `tensors` that the load found to be external
};

struct LoadOptions {
  const graph::OpSet& ops;  ///< rows that nodes resolve to; must outlive the graph
  Limits limits = {};
  Weights weights = Weights::kMapped;
  /// Directory of external data for load_bytes; empty: bytes refer to no files. load_file takes the model's directory.
  std::filesystem::path external_dir = {};
  /// Directories outside the model's own that external data may lie in (after resolving symlinks).
  std::vector<std::filesystem::path> allowed_dirs = {};
  ExternalData* external = nullptr;
  Logger* logger = nullptr;  ///< warnings: unknown keys, declared shapes that inference contradicts
  bool strict = false;       ///< declared shapes that inference contradicts are errors
};

/// Loads a model. The graph keeps alive what its constants and functions point into.
/// Errors: kNoSuchFile (missing, not a regular file, outside the model's directory), kInvalidProtobuf (bytes that are
/// no model; states offset and field), kInvalidGraph (a model that breaks a rule; states node, op, expected, found),
/// kFail (an opset, domain or IR version that is not known), kInvalidArgument with reason kLimit.
std::unique_ptr<graph::Graph> load_file(const std::filesystem::path& path, const LoadOptions& options);
/// Same from memory. The bytes are copied where the graph needs them, so they may go when this returns.
std::unique_ptr<graph::Graph> load_bytes(std::span<const std::byte> bytes, const LoadOptions& options);

}  // namespace tenon::onnx
