// Defaults of the optional abilities.
#include "ep/provider.h"

#include "base/error.h"

namespace tenon::ep {

std::unique_ptr<const Executable> Provider::kernel(const graph::Node& node, const ops::NodeInfo&) {
  fail(ErrorCode::kEpFail, "{} claimed node {} ({}) on its own, but has no kernel for it", name(), node.name, node.op);
}

bool is_on_host(const Provider& p, const graph::Node& n, bool is_result, size_t i) {
  if (n.body) return false;
  const graph::Port* port = nullptr;
  if (n.def) port = is_result ? graph::output_port(*n.def, i) : graph::input_port(*n.def, i);
  return (port && port->on_host) || p.on_host(n, is_result, i);
}

}  // namespace tenon::ep
