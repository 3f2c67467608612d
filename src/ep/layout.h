// Layouts of values: who fits which by default, the order of bytes, and the node that changes it.
#pragma once
#include "base/thread_pool.h"
#include "ep/abilities.h"

namespace tenon::ep {

/// Layout-sensitive ops (ORT's list: convolutions, pools, normalisations over channels, resizing, ...) want the
/// preferred layout for their data; element-wise ops, Concat, Split, Pad and reductions that keep their dims run in
/// either. Only values of a known rank of at least 3, with whole bytes per element.
LayoutFit default_layout_fit(const graph::Graph& g, graph::NodeId n);

/// Runs in either layout on the bytes as they lie, when all its operands have the dims of its result.
bool is_elementwise(const graph::Node& n);

/// `to` = the elements of `from`, whose bytes lie in layout `was`, in layout `becomes`; both have the same logical dims
/// of rank >= 2. kPlain and kNhwc only.
void convert_layout(const ops::TensorRef& from, Layout was, const ops::TensorRef& to, Layout becomes,
                    const Parallel& par);

/// ConvertLayout(x) of domain ai.tenon: the layouts are those of its operand's and its result's types.
extern const graph::OpDef kConvertLayout;

}  // namespace tenon::ep
