// Defaults of the optional abilities.
#include "ep/provider.h"

#include "base/error.h"

namespace tenon::ep {

std::unique_ptr<const Executable> Provider::kernel(const graph::Node& node, const ops::NodeInfo&) {
  fail(ErrorCode::kEpFail, "{} claimed node {} ({}) on its own, but has no kernel for it", name(), node.name, node.op);
}

}  // namespace tenon::ep
