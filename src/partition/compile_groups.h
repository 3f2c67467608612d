// compile_groups: claims that are to be compiled become one node per maximal convex group.
#pragma once
#include "partition/partition.h"

namespace tenon::partition {

/// Provider by provider in order, each seeing the groups of the earlier ones as single nodes. When `compile` throws,
/// the nodes are offered again to the other providers.
void compile_groups(graph::Graph& g, Placement& p, const Wishes& wishes, const ep::CompileContext& context);

}  // namespace tenon::partition
