// Checks of one node against its op row that need no types: operand counts, signatures of bodies.
#pragma once
#include "base/error.h"
#include "graph/graph.h"
#include "graph/op_def.h"
#include "onnx/model_view.h"

namespace tenon::onnx {

/// Counts of inputs and outputs as the model writes them, and that none that is needed is empty.
void check_counts(const graph::OpDef& op, const NodeView& n);
/// Arguments and results of every body of a node against what its op passes and takes.
void check_bodies(const graph::Graph& g, graph::NodeId n);
/// Throws for an op that no row matches: unknown name, unknown version, removed op. Says which is nearest.
[[noreturn]] void fail_unknown_op(const graph::OpSet& ops, const NodeView& n, int version);

}  // namespace tenon::onnx
