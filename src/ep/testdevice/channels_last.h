// channels_last: the CPU's kernel of a node for operands and results whose channels lie last in memory.
#pragma once
#include <memory>

#include "graph/graph.h"
#include "ops/kernel.h"

namespace tenon::ep::testdevice {

/// `kernel`, made for plain layouts, for those of the node's types. Element-wise ops run on the bytes as they lie; the
/// others on plain copies in memory of the device. Without other layouts it is `kernel` itself.
std::unique_ptr<const ops::Kernel> channels_last(const graph::Node& node, std::span<const ValueType* const> inputs,
                                                 std::span<const ValueType* const> outputs,
                                                 std::unique_ptr<const ops::Kernel> kernel);

}  // namespace tenon::ep::testdevice
