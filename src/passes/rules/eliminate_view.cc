// Reshape, Flatten, Squeeze, Unsqueeze, Expand, Tile, Pad, Slice, Transpose, Concat and the like that give x back → x.
// Level 1, exact: dims are equal, symbols included, and no element moves.
#include <algorithm>

#include "passes/rule.h"

namespace tenon::passes::eliminate_view {
namespace {

constexpr const char* kRoots[] = {"Reshape",   "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile", "Pad",  "Slice",
                                  "Transpose", "Concat",  "Sum",     "Max",       "Min",    "Mean", "Split"};

bool all(const std::vector<int64_t>& v, int64_t wanted) {
  return std::all_of(v.begin(), v.end(), [=](int64_t x) { return x == wanted; });
}

/// No element moves, given that the dims stay.
Outcome keeps_elements(const Graph& g, NodeId n) {
  const std::string& op = g.node(n).op;
  // With equal dims these copy in order.
  if (op == "Reshape" || op == "Flatten" || op == "Squeeze" || op == "Unsqueeze" || op == "Expand") return kPatched;
  if (op == "Concat" || op == "Sum" || op == "Max" || op == "Min" || op == "Mean")
    return g.node(n).operands().size() == 1 ? kPatched : kNoMatch;
  if (op == "Split") return g.node(n).outputs.size() == 1 ? kPatched : kNoMatch;
  if (op == "Transpose") {
    const auto perm = permutation(g, n);
    return perm && std::is_sorted(perm->begin(), perm->end()) ? kPatched : kNoMatch;
  }
  if (op == "Slice") {
    // As many elements as there are, one step at a time: it starts at the first one.
    const auto steps = int_list(g, n, "steps", 4);
    if (!steps) return skip("the steps are not constant", operand(g, n, 4));
    return all(steps->values, 1) ? kPatched : kNoMatch;
  }
  if (op == "Tile") {
    const auto repeats = const_ints(g, operand(g, n, 1));
    return repeats && all(*repeats, 1) ? kPatched : kNoMatch;
  }
  const auto pads = int_list(g, n, "pads", 1);
  return pads && pads->given && all(pads->values, 0) ? kPatched : kNoMatch;
}

Outcome apply(const Graph& g, NodeId n, Patch& patch) {
  const ValueId x = operand(g, n, 0);
  if (x == kNone || !same_type(g, x, result(g, n))) return kNoMatch;
  const Outcome o = keeps_elements(g, n);
  if (o.kind == Outcome::kPatched) patch.replace(result(g, n), x);
  return o;
}

}  // namespace
TENON_RULE(kRule, "eliminate_view", "EliminateSlice", Level::kBasic, NumericClass::kExact, kRoots, apply);
}  // namespace tenon::passes::eliminate_view
