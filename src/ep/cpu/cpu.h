// CPU provider: the default, asked last; runs every op that has a row.
#pragma once
#include "ep/provider.h"

namespace tenon::ep {

class CpuProvider final : public Provider {
 public:
  std::string_view name() const override { return "CPUExecutionProvider"; }
  /// Claims each node whose row has a kernel, a view or a control-flow lowering; refuses calls of model functions (the
  /// partitioner inlines them) and rows without implementation.
  Capability capability(const GraphView& view) override;
  /// Single nodes: the planner makes their kernels from the op rows; there is nothing to fuse.
  std::vector<std::unique_ptr<const Executable>> compile(std::span<const Subgraph> groups,
                                                         const CompileContext& context) override;
};

}  // namespace tenon::ep
