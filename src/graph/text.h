// Text form of graphs, for tests, golden files and `tenon info`.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace tenon::graph {

/// One line per node, stable: a printed graph parses back to an equal one.
///   graph name (x: float[batch,3], y: int64[]) opset 17, com.microsoft 1 {
///     w: float[3,2] = {1, 2, 3, 4, 5, 6}
///     t = MatMul(x, w)
///     a, b = Split<axis=1>(t) @node_name
///     r = If(c) [t] { then_branch (t1) { u = Relu(t1)  return u }  else_branch (t2) { return t2 } }
///     return a: float[batch,1], b as "model's name"
///   }                                                                   # a comment
/// `float` alone has unknown rank, `float[]` is a scalar, `?` in dims is a fresh symbol. A missing optional input or
/// output is `_`. Names other than letters, digits, `_` and `.` are quoted. Ops:
/// com.microsoft.FusedMatMul<alpha=2.0>(a, b); `Gelu!20(x)` where the row is not the one of the model's opset; `call
/// domain.F:overload(x)` for model functions.
/// `[...]` lists captures: each region names its formal arguments, then one per capture. A type behind a result's name
/// is a declared one. Attributes: 1, 1.0, "s", [1, 2], float[2] {1, 2}, type(float[2]), floats[] (empty).
/// Large constants print as `{... 4096 elements, hash 1f..}` unless `full`; such a form does not parse.
std::string print(const Graph& g, bool full = true);
/// Parses the form above and resolves ops in `ops`; types of results stay unknown (ops::infer_types fills them).
/// Throws kInvalidGraph with line and column.
std::unique_ptr<Graph> parse(std::string_view text, const OpSet& ops);

}  // namespace tenon::graph
