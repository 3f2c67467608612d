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
constexpr Port kIn[] = {{"cond", kBoolSet, "B"}};
template <DTypeSet T, uint8_t K>
constexpr Port kOut[] = {{"outputs", T, "V", PortUse::kVariadic, K, true}};
template <DTypeSet T, uint8_t K>
constexpr OpDef row(int since, int until) {
  return {.name = "If",
          .since = since,
          .until = until,
          .inputs = kIn,
          .outputs = kOut<T, K>,
          .attrs = kAttrs,
          .infer = infer,
          .lowering = Lowering::kIf};
}
constexpr uint8_t kSeq = kTensors | kSequences, kOpt = kSeq | kOptionals;
constexpr OpDef kOps[] = {
    row<kIr3Set, kTensors>(1, 10), row<kIr3Set, kTensors>(11, 12), row<kIr3Set, kSeq>(13, 15),
    row<kIr4Set, kOpt>(16, 18),    row<kIr9Set, kOpt>(19, 20),     row<kIr10Set, kOpt>(21, 22),
    row<kIr11Set, kOpt>(23, 23),   row<kIr12Set, kOpt>(24, 24),    row<kIr13Set, kOpt>(25, 0),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::if_else
