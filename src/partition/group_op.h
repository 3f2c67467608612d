// The rows of nodes that only placed graphs have: compiled groups and copies.
#pragma once
#include "graph/op_def.h"

namespace tenon::partition {

/// A group that a provider compiled (Node::body): results as its nodes infer them, sizes that depend on contents are
/// left to the run.
extern const graph::OpDef kGroupOp;
/// The same tensor in another memory.
extern const graph::OpDef kCopyOp;

}  // namespace tenon::partition
