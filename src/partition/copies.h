// insert_copies: values get to the memory where they are read.
#pragma once
#include "partition/partition.h"

namespace tenon::partition {

/// Marks the memory of every result (ValueType::device) and puts a Copy node before the first reader in another memory;
/// later readers there share it. Device to device goes directly where a provider can, else through the host. Results of
/// regions end on the host.
void insert_copies(graph::Graph& g, Placement& p);

/// Key and transfer of the provider that copies: the destination's, else the source's; null when neither can.
std::pair<std::string, ep::DataTransfer*> copy_performer(const ep::Placed& p, const Device& from, const Device& to);

/// The memory in which node n reads operand i.
Device operand_device(const graph::Graph& g, const ep::Placed& p, graph::NodeId n, size_t i);

}  // namespace tenon::partition
