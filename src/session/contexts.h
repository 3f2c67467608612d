// contexts: compiled groups in and out of model files (EPContext nodes, session options ep.context_*).
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"
#include "ep/compile.h"
#include "onnx/load.h"
#include "partition/partition.h"
#include "tenon/session.h"

namespace tenon::session {

/// ep.context_enable and its companions.
struct ContextOptions {
  bool enable = false;
  std::filesystem::path file;  ///< of the model with EPContext nodes
  bool embed = false;          ///< ep.context_embed_mode: bytes inside the model
  bool share = false;          ///< ep.share_ep_contexts: files of equal contexts are one
  std::string prefix;          ///< of node names
  std::string external_file;   ///< for the other initializers
  int64_t external_min_bytes = 1024;
};
/// Throws kInvalidArgument without a path, for a directory, and kFail when the file exists (unless
/// tenon.context_overwrite is set).
ContextOptions context_options(const SessionOptions& o, const std::string& model_path);

/// The services of CompileContext that read and write contexts. Files lie where external data of the model may lie (for
/// a model from bytes: where ep.context_file_path lies); `load` says so and must live as long as the services.
void add_context_services(ep::CompileContext& c, const SessionOptions& o, const std::string& model_path,
                          const onnx::LoadOptions& load);

/// Writes the model with every compiled group that its provider can serialise as an EPContext node. `before` is the
/// graph before groups, `placed` the one that `p` is about. Their number and files go into the report; without any, the
/// model is written as it is, with a warning.
void write_contexts(const graph::Graph& before, const graph::Graph& placed, const partition::Placement& p,
                    const ep::CompileContext& c, const ContextOptions& o, const Logger& log, LoadReport& report);

uint64_t content_hash(std::string_view bytes);

/// `payload` behind a header of provider, version and a hash; open_seal gives it back, or throws kEpFail saying which
/// of them is wrong.
std::string seal(std::string_view provider, std::string_view version, std::string_view payload);
std::span<const std::byte> open_seal(std::span<const std::byte> sealed, std::string_view provider,
                                     std::string_view version);

}  // namespace tenon::session
