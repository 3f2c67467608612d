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
struct Ports {
  static constexpr Port kIn[] = {{"input", T}}, kOut[] = {{"output", T}};
};
constexpr OpDef kRow = {
    .name = "Flatten", .attrs = kAttrs, .infer = infer, .make = make_copy, .lowering = Lowering::kView, .inplace = 1};
constexpr auto kOps = joined(std::array{row_of<Ports<kOldFloatSet>>(kRow, 1, 8), row_of<Ports<kIr3Set>>(kRow, 9, 10),
                                        row_of<Ports<kIr3Set>>(kRow, 11, 12), row_of<Ports<kIr4Set>>(kRow, 13, 20)},
                             rows_from_21<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::flatten
