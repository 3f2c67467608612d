// From a file or bytes to a graph: decode, import, infer types.
#include "onnx/load.h"

#include <algorithm>
#include <new>
#include <set>
#include <stdexcept>

#include "base/error.h"
#include "base/file.h"
#include "onnx/functions.h"
#include "onnx/graph_import.h"
#include "onnx/model_view.h"
#include "ops/infer_types.h"

namespace tenon::onnx {
namespace {

constexpr int64_t kNewestIrVersion = 14;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void check_size(uint64_t bytes, const Limits& limits) {
  if (bytes > static_cast<uint64_t>(limits.file_bytes))
    fail_limit("file_bytes", "the model has {} bytes, at most {} are allowed", bytes, limits.file_bytes);
}

void check_versions(const ModelView& m) {
  if (!m.has_graph) fail(ErrorCode::kInvalidProtobuf, "not a valid ONNX model: it has no graph");
  if (m.ir_version < 1)
    fail(ErrorCode::kInvalidGraph, "ir_version is {}, expected 1 to {}", m.ir_version, kNewestIrVersion);
  if (m.ir_version > kNewestIrVersion)
    fail(ErrorCode::kFail, "ir_version {} is newer than {}, the newest known one", m.ir_version, kNewestIrVersion);
  if (m.ir_version >= 3 && m.opsets.empty()) fail(ErrorCode::kInvalidGraph, "the model imports no opset");
}

/// A few bytes can ask for petabytes (ConstantOfShape, Expand, Tile): refused before anything is planned or folded.
void check_sizes(const graph::Graph& g, const Limits& limits) {
  for (graph::ValueId v = 0; v < g.value_limit(); ++v) {
    const graph::ValueInfo& info = g.value(v);
    if (info.role != graph::ValueRole::kResult || info.node == graph::kNone || !info.type.is_static()) continue;
    const Dims& dims = info.type.dims;
    if (std::find(dims.begin(), dims.end(), 0) != dims.end()) continue;
    int64_t count = 1;
    for (int64_t d : dims)
      if (__builtin_mul_overflow(count, d, &count)) count = INT64_MAX;
    if (count > limits.tensor_elements)
      fail_limit("tensor_elements", "node {} ({}): output {} has shape {}, at most {} elements are allowed",
                 quote_name(g.node(info.node).name), g.node(info.node).op, quote_name(info.name), to_string(dims),
                 limits.tensor_elements);
  }
}

void infer(graph::Graph& g, const LoadOptions& options) {
  ops::InferOptions infer;
  infer.strict = options.strict;
  std::string first;
  int64_t conflicts = 0;
  infer.on_conflict = [&](const std::string& what) {
    if (conflicts++ == 0) first = what;
  };
  ops::infer_types(g, infer);
  check_sizes(g, options.limits);
  if (conflicts == 0 || !options.logger) return;
  const std::string more = conflicts > 1 ? fmt::format(" (and {} more)", conflicts - 1) : std::string();
  options.logger->log(Severity::kWarning, "{}; the inferred type is used{}", first, more);
}

/// `file` holds the bytes, or is null when they go away.
std::unique_ptr<graph::Graph> import(std::string_view bytes, std::shared_ptr<const FileBytes> file,
                                     ExternalFiles external, const LoadOptions& options) {
  Decoder d(bytes, options.limits);
  ModelView m = d.model();
  check_versions(m);
  if (!file && !m.functions.empty()) {  // instantiation reads the bytes later
    file = FileBytes::copy(std::as_bytes(std::span(bytes)));
    bytes = text_of(file->bytes());
    d = Decoder(bytes, options.limits);
    m = d.model();
  }
  auto g = std::make_unique<graph::Graph>();
  graph::ModelInfo& info = g->info;
  info.ir_version = m.ir_version;
  info.producer_name = m.producer_name;
  info.producer_version = m.producer_version;
  info.domain = m.domain;
  info.doc_string = m.doc;
  info.model_version = m.model_version;
  std::set<std::string_view> keys;
  for (const Entry& e : m.metadata) {
    if (!keys.insert(e.first).second)
      fail(ErrorCode::kInvalidGraph, "metadata key {} occurs twice", quote_name(e.first));
    info.metadata.emplace_back(e.first, e.second);
  }
  info.opsets = import_opsets(m.opsets, options.ops);
  if (m.ir_version < 3) info.opsets.emplace("", 1);

  const auto library = std::make_shared<FunctionLibrary>(file, bytes, std::move(external), options);
  g->functions = library->read(d, m.functions, g->symbols());
  TensorImporter tensors(d, file, library->external());
  GraphImporter(d, tensors, *library, info.opsets, nullptr, *g).main_graph(m.graph_bytes, m.ir_version);
  infer(*g, options);
  return g;
}

/// What the standard library throws becomes an Error: nothing else leaves the loader.
template <class F>
std::unique_ptr<graph::Graph> guarded(F f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    fail_out_of_memory(0, "loading a model");
  } catch (const std::length_error&) {
    fail_out_of_memory(0, "loading a model");
  }
}

}  // namespace

std::unique_ptr<graph::Graph> load_file(const std::filesystem::path& path, const LoadOptions& options) {
  return guarded([&] {
    const File file = File::open(path);
    const uint64_t size = file.size();
    check_size(size, options.limits);
    const auto bytes = options.weights == Weights::kMapped ? FileBytes::map(file) : FileBytes::read(file, 0, size);
    const std::filesystem::path dir = path.parent_path().empty() ? "." : path.parent_path();
    return import(text_of(bytes->bytes()), bytes, ExternalFiles(dir, real_path(path), options), options);
  });
}

std::unique_ptr<graph::Graph> load_bytes(std::span<const std::byte> bytes, const LoadOptions& options) {
  return guarded([&] {
    check_size(bytes.size(), options.limits);
    return import(text_of(bytes), nullptr, ExternalFiles(options.external_dir, {}, options), options);
  });
}

}  // namespace tenon::onnx
