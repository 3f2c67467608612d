// default_group: a group of nodes as the CPU provider would run it, for providers that fall back on it.
#pragma once
#include <memory>

#include "ep/provider.h"

namespace tenon::session {

/// Plans the group like a model of its own: control flow, function calls, strings and sequences included. Thread-safe.
std::unique_ptr<const ep::Executable> default_group(const ep::Subgraph& group, PackStore* store,
                                                    std::shared_ptr<Allocator> allocator, Isa isa);

}  // namespace tenon::session
