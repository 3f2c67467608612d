// If: the results of then_branch or else_branch, whichever `cond` says.
#include "ops/carried.h"
#include "ops/move.h"

namespace tenon::ops::if_else {
namespace {

void infer(InferContext& c) {
  if (c.has_rank(0)) expect_equal(c, c.sym.product(c.dims(0)), 1, "number of elements of cond");
  std::vector<ValueType> a, b;
  if (!c.infer_region(0, {}, &a) || !c.infer_region(1, {}, &b)) return set_known_outputs(c);
  if (a.size() != c.num_outputs() || b.size() != c.num_outputs())
    fail(ErrorCode::kInvalidGraph, "branches have {} and {} outputs, the node has {}", a.size(), b.size(),
         c.num_outputs());
  for (size_t j = 0; j < a.size(); ++j) c.set_type(j, widen(c, a[j], b[j]));
}

constexpr AttrDef kAttrs[] = {required_attr("then_branch", AttrKind::kGraph),
                              required_attr("else_branch", AttrKind::kGraph)};
template <DTypeSet T, uint8_t K = kTensors | kSequences | kOptionals>
struct PortsOf {
  static constexpr Port kIn[] = {{"cond", kBoolSet, "B"}};
  static constexpr Port kOut[] = {{"outputs", T, "V", PortUse::kVariadic, K, true}};
};
template <DTypeSet T>
using Ports = PortsOf<T>;
constexpr OpDef kRow = {.name = "If", .attrs = kAttrs, .infer = infer, .lowering = Lowering::kIf};
constexpr auto kOps = joined(
    std::array{row_of<PortsOf<kIr3Set, kTensors>>(kRow, 1, 10), row_of<PortsOf<kIr3Set, kTensors>>(kRow, 11, 12),
               row_of<PortsOf<kIr3Set, kTensors | kSequences>>(kRow, 13, 15), row_of<Ports<kIr4Set>>(kRow, 16, 18)},
    rows_from_19<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::if_else
