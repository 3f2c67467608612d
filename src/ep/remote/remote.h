// Remote: a provider whose groups run on a server, through the Open Inference Protocol.
#pragma once
#include <memory>

#include "ep/provider.h"
#include "ep/remote/server.h"

namespace tenon::ep::remote {

/// Takes the nodes that its options mark, as one group that a model of the server stands for. Values stay on the host.
class Remote final : public Provider {
 public:
  explicit Remote(const Options& options) : server_(std::make_shared<Server>(options)) {}

  std::string_view name() const override { return "AzureExecutionProvider"; }
  bool takes_part() const override { return !server_->options().endpoint.empty(); }
  Capability capability(const GraphView& view) override;
  /// Refuses several groups: the server's model cannot stand for each of them.
  std::vector<std::unique_ptr<const Executable>> compile(std::span<const Subgraph> groups,
                                                         const CompileContext& context) override;

 private:
  bool marked(const graph::Graph& g, graph::NodeId id) const;
  std::shared_ptr<Server> server_;
};

}  // namespace tenon::ep::remote
