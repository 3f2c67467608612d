// x * 0.5 * (1 + erf(x / sqrt 2)) in any order and grouping → Gelu(x).
// ONNX Gelu where the model's opset has it (level 1), else com.microsoft Gelu (level 2).
// Reassociating: one kernel computes the same formula with fewer roundings.
#include <numbers>

#include "passes/rule.h"

namespace tenon::passes::fuse_gelu {
namespace {

constexpr const char* kRoots[] = {"Mul"};

/// v = x * factor, or x / (1 / factor), with a scalar constant; `*x` = the other operand.
bool scaled(const Graph& g, ValueId v, double factor, ValueId* x) {
  const NodeId mul = sole_producer_of(g, v, "Mul"), div = sole_producer_of(g, v, "Div");
  if (div != kNone) {
    *x = operand(g, div, 0);
    return near(g, operand(g, div, 1), 1 / factor);
  }
  for (size_t side = 0; mul != kNone && side < 2; ++side) {
    *x = operand(g, mul, side);
    if (near(g, operand(g, mul, 1 - side), factor)) return true;
  }
  return false;
}

/// x when v = 1 + erf(x / sqrt 2), whose parts nobody else reads; else kNone.
ValueId erf_part(const Graph& g, ValueId v) {
  const NodeId add = sole_producer_of(g, v, "Add");
  for (size_t side = 0; add != kNone && side < 2; ++side) {
    if (!near(g, operand(g, add, 1 - side), 1)) continue;
    const NodeId erf = sole_producer_of(g, operand(g, add, side), "Erf");
    ValueId x;
    if (erf != kNone && scaled(g, operand(g, erf, 0), 1 / std::numbers::sqrt2, &x)) return x;
  }
  return kNone;
}

/// x when the node ends the formula; else kNone.
ValueId match(const Graph& g, NodeId root) {
  for (size_t side = 0; side < 2; ++side) {
    const ValueId left = operand(g, root, side), right = operand(g, root, 1 - side);
    ValueId half;
    // (p * 0.5) * r: the half belongs to one of the factors.
    if (scaled(g, left, 0.5, &half)) {
      if (erf_part(g, right) == half) return half;
      if (const ValueId x = erf_part(g, half); x != kNone && x == right) return right;
    }
    // (x * (1 + erf)) * 0.5
    if (near(g, right, 0.5)) {
      const NodeId inner = sole_producer_of(g, left, "Mul");
      for (size_t k = 0; inner != kNone && k < 2; ++k) {
        const ValueId x = operand(g, inner, k);
        if (erf_part(g, operand(g, inner, 1 - k)) == x) return x;
      }
    }
  }
  return kNone;
}

Outcome fuse(const Graph& g, NodeId n, Patch& patch, std::string_view domain) {
  const ValueId x = match(g, n);
  if (x == kNone) return kNoMatch;
  if (!same_type(g, x, result(g, n))) return skip("a constant changes the shape", x);
  if (!port_takes(g, patch.row(domain, "Gelu"), 0, x)) return skip("Gelu does not take this type", x);
  patch.replace(result(g, n), patch.node(domain, "Gelu", {x}));
  return kPatched;
}

Outcome to_onnx(const Graph& g, NodeId n, Patch& patch) {
  return patch.row("", "Gelu") ? fuse(g, n, patch, "") : kNoMatch;
}
Outcome to_contrib(const Graph& g, NodeId n, Patch& patch) {
  return patch.row("com.microsoft", "Gelu") ? fuse(g, n, patch, "com.microsoft") : kNoMatch;
}

}  // namespace
TENON_RULE(kOnnx, "fuse_gelu", "GeluFusionL1", Level::kBasic, NumericClass::kReassociating, kRoots, to_onnx);
TENON_RULE(kContrib, "fuse_contrib_gelu", "GeluFusionL2", Level::kExtended, NumericClass::kReassociating, kRoots,
           to_contrib);
}  // namespace tenon::passes::fuse_gelu
