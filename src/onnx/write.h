// write: Graph → ONNX ModelProto. Captures become names again, regions become subgraphs.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "graph/graph.h"
#include "graph/op_def.h"

namespace tenon::onnx {

struct WriteOptions {
  /// Tells which operator version an opset import means; nodes whose row differs raise the import.
  const graph::OpSet& ops;
  /// File name (no directory) that constants of at least `external_min_bytes` go to; empty: all inside the model,
  /// unless it would pass 2 GB: save_file then uses "<model file name>.data".
  std::string external_file = {};
  int64_t external_min_bytes = 1024;
  bool value_info = true;  ///< write the known types of intermediate values
};

/// Bytes of the model. Throws kInvalidArgument when they would pass 2 GB or `external_file` is set (use save_file),
/// kNotImplemented when no opset import gives every node its row.
std::string write_model(const graph::Graph& g, const WriteOptions& options);
/// Writes the model, and the external file beside it when one is due; each file appears whole or not at all.
void save_file(const graph::Graph& g, const std::filesystem::path& path, const WriteOptions& options);

}  // namespace tenon::onnx
