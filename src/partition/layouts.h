// Layouts: what providers that prefer one get of it, and the nodes where the layout changes.
#pragma once
#include "partition/partition.h"

namespace tenon::partition {

/// For every provider with a LayoutChoice: its claimed nodes that want the preferred layout get it, those that take
/// either get what needs the fewest ConvertLayout nodes, and the provider is asked about all of its nodes again. A node
/// that it then leaves has plain operands again, and the provider is asked once more. Ends with nodes that nobody has
/// when a provider leaves what it had claimed: call assign.
void choose_layouts(graph::Graph& g, Placement& p, const Wishes& wishes);

/// All values of the provider plain again, without ConvertLayout nodes. Its nodes stay its own.
void undo_layouts(graph::Graph& g, Placement& p, size_t provider);

}  // namespace tenon::partition
