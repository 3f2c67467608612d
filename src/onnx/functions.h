// Model functions: checked when the model is loaded, made into nodes when a call is instantiated.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"
#include "onnx/external_data.h"
#include "onnx/load.h"
#include "onnx/model_view.h"

namespace tenon::onnx {

using Opsets = std::map<std::string, int>;
/// Imports as a table; "ai.onnx" becomes "". Error for a version below 1 or newer than any known one of a known domain.
Opsets import_opsets(const std::vector<OpsetView>& imports, const graph::OpSet& ops);

/// One function as read, and what instantiating it needs. Views point into the file's bytes.
struct FunctionItem {
  FunctionView view;
  Bytes encoded;
  Opsets opsets;
  graph::Attrs defaults;
  std::vector<size_t> callees;
  int64_t nodes = 0;   ///< in the body and its subgraphs
  int64_t total = -1;  ///< nodes that a call makes when all calls in it are instantiated as well; saturates
};

/// The functions of one model. The graph's Function objects keep the library alive, never the other way round.
class FunctionLibrary : public std::enable_shared_from_this<FunctionLibrary> {
 public:
  FunctionLibrary(std::shared_ptr<const FileBytes> file, std::string_view bytes, ExternalFiles external,
                  const LoadOptions& options);

  /// Decodes and checks all functions: unique ids, formals and definitions, order, calls that end. `symbols` is that
  /// of the graph.
  std::vector<std::shared_ptr<const graph::Function>> read(Decoder& d, const std::vector<Bytes>& functions,
                                                           Symbols& symbols);
  /// Function with this id, or null.
  const FunctionItem* find(std::string_view domain, std::string_view name, std::string_view overload) const;
  ExternalFiles& external() { return external_; }
  const graph::OpSet& ops() const { return ops_; }

 private:
  size_t index_of(std::string_view domain, std::string_view name, std::string_view overload) const;
  void scan_body(Decoder& d, FunctionItem& f);
  void scan_node(const NodeView& n, FunctionItem& f);
  void total_nodes(size_t root);
  std::vector<graph::ValueId> instantiate(size_t index, graph::Graph& g, graph::NodeId call);

  std::shared_ptr<const FileBytes> file_;
  std::string_view bytes_;
  ExternalFiles external_;
  const graph::OpSet& ops_;
  Limits limits_;
  std::vector<FunctionItem> items_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace tenon::onnx
