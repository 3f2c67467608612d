// Random graphs for tests of whatever must not change results: placement, lanes, packing.
#pragma once
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace tenon::test {

using Rng = std::mt19937_64;
int pick(Rng& rng, int n);  ///< 0 .. n-1

/// Elementwise ops, views, shape chains and targets that only a run knows, over two inputs float[2,n]; about `nodes`
/// nodes, inferred. Results are what nothing reads, and sometimes a value in the middle.
std::unique_ptr<graph::Graph> random_graph(Rng& rng, int nodes);
/// Convolutions, pools, normalisation, element-wise ops that broadcast, Concat, Pad, reductions, and ops that want
/// plain operands, over images float[n,4,6,5]; about `nodes` nodes, inferred. Results are what nothing reads, sometimes
/// more.
std::unique_ptr<graph::Graph> random_cnn(Rng& rng, int nodes);
std::vector<Value> images_of(Rng& rng, int64_t n);
std::vector<Value> feeds_of(Rng& rng, int64_t n);
/// Same dims and bytes.
void expect_same(const std::vector<Value>& a, const std::vector<Value>& b, const std::string& what);

}  // namespace tenon::test
