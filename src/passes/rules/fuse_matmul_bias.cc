// MatMul(A, B) + bias → ai.tenon FusedMatMulBias, with a bias per column; activation(FusedMatMulBias(...)) → the same
// node with the activation.
// Level 99, reassociating: the sum may start from the bias. Only Tenon runs the result.
#include "passes/rule.h"

namespace tenon::passes::fuse_matmul_bias {
namespace {

constexpr const char* kDomain = "ai.tenon";
constexpr const char* kOp = "FusedMatMulBias";
constexpr const char* kAdd[] = {"Add"};
constexpr const char* kActivations[] = {"Relu",      "Sigmoid", "Tanh", "LeakyRelu", "Clip",     "HardSigmoid",
                                        "HardSwish", "Elu",     "Gelu", "FastGelu",  "QuickGelu"};

Outcome fuse_bias(const Graph& g, NodeId n, Patch& patch) {
  size_t side = 0;
  NodeId matmul = producer_of(g, operand(g, n, 0), "MatMul");
  if (matmul == kNone) matmul = producer_of(g, operand(g, n, side = 1), "MatMul");
  if (matmul == kNone) return kNoMatch;
  const ValueId y = operand(g, n, side), bias = operand(g, n, 1 - side), b = operand(g, matmul, 1);
  const OpDef* fused = patch.row(kDomain, kOp);
  if (!port_takes(g, fused, 2, bias)) return fused ? skip("FusedMatMulBias does not take this type", bias) : kNoMatch;
  if (!single_use(g, y)) return skip("the product has other readers", y);
  if (rank_of(g, bias) != 1u || rank_of(g, b).value_or(0) < 2 || g.type(bias).dims[0] != g.type(b).dims.back())
    return skip("the bias is not one value per column", bias);
  patch.replace(result(g, n), patch.node(kDomain, kOp, {operand(g, matmul, 0), b, bias}));
  return kPatched;
}

Outcome fuse_activation(const Graph& g, NodeId n, Patch& patch) {
  const ValueId y = operand(g, n, 0);
  const NodeId matmul = producer_of(g, y, kOp, kDomain);
  if (matmul == kNone || !g.node(matmul).attrs.get_string("activation", "").empty()) return kNoMatch;
  if (!single_use(g, y)) return skip("the product has other readers", y);
  const auto activation = activation_of(g, n);
  if (!activation) return kNoMatch;
  Attrs attrs = g.node(matmul).attrs;
  attrs.set("activation", activation->name);
  if (!activation->params.empty()) attrs.set("activation_params", activation->params);
  const auto operands = g.node(matmul).operands();
  patch.replace(result(g, n), patch.node(kDomain, kOp, {operands.begin(), operands.end()}, attrs));
  return kPatched;
}

}  // namespace
TENON_RULE(kBias, "fuse_matmul_bias", "", Level::kAll, NumericClass::kReassociating, kAdd, fuse_bias);
TENON_RULE(kActivation, "fuse_matmul_bias_activation", "", Level::kAll, NumericClass::kExact, kActivations,
           fuse_activation);
}  // namespace tenon::passes::fuse_matmul_bias
