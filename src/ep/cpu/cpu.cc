// What the CPU provider can run: whatever the op table implements.
#include "ep/cpu/cpu.h"

#include "base/error.h"

namespace tenon::ep {

Capability CpuProvider::capability(const GraphView& view) {
  Capability c;
  for (graph::NodeId id : view.nodes) {
    const graph::Node& n = view.graph.node(id);
    if (!n.def)
      c.refusals.push_back({id, "call of a model function: to be inlined"});
    else if (graph::is_expanded(n))
      c.refusals.push_back({id, "other nodes will stand for it"});
    else if (n.def->lowering == graph::Lowering::kKernel && !n.def->make)
      c.refusals.push_back({id, "no kernel"});
    else
      c.claims.push_back({{id}, {}});
  }
  return c;
}

std::vector<std::unique_ptr<const Executable>> CpuProvider::compile(std::span<const Subgraph> groups,
                                                                    const CompileContext&) {
  if (!groups.empty()) fail(ErrorCode::kEpFail, "the CPU provider runs nodes one by one; it has no fused groups");
  return {};
}

}  // namespace tenon::ep
