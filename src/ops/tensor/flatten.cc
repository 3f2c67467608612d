// Flatten: [d0..dn] as the matrix [d0*..*d(axis-1), d(axis)*..*dn].
#include "ops/move.h"

namespace tenon::ops::flatten {
namespace {

void infer(InferContext& c) {
  pass_ints(c);
  if (!c.has_rank(0)) return c.set(0, c.dtype(0), fresh_dims(c, 2));
  const Dims& d = c.dims(0);
  const auto rank = static_cast<int64_t>(d.size());
  int64_t axis = c.attrs().get_int("axis", 1);
  const int64_t lowest = c.since() >= 11 ? -rank : 0;
  if (axis < lowest || axis > rank) fail("axis {} out of range [{}, {}]", axis, lowest, rank);
  if (axis < 0) axis += rank;
  const std::span<const int64_t> all(d);
  const auto k = static_cast<size_t>(axis);
  c.set(0, c.dtype(0), {c.sym.product(all.first(k)), c.sym.product(all.subspan(k))});
}

constexpr AttrDef kAttrs[] = {int_attr("axis", 1)};
template <DTypeSet T>
constexpr Port kIn[] = {{"input", T}};
template <DTypeSet T>
constexpr Port kOut[] = {{"output", T}};
template <DTypeSet T>
constexpr OpDef row(int since, int until) {
  return {.name = "Flatten",
          .since = since,
          .until = until,
          .inputs = kIn<T>,
          .outputs = kOut<T>,
          .attrs = kAttrs,
          .infer = infer,
          .make = make_copy,
          .lowering = Lowering::kView,
          .inplace = 1};
}
constexpr OpDef kOps[] = {
    row<kOldFloatSet>(1, 8), row<kIr3Set>(9, 10),   row<kIr3Set>(11, 12),  row<kIr4Set>(13, 20),
    row<kIr10Set>(21, 22),   row<kIr11Set>(23, 23), row<kIr12Set>(24, 24), row<kIr13Set>(25, 0),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::flatten
