// Unsqueeze: inserts dims of 1 so that they stand at `axes` of the output.
#include "ops/move.h"

namespace tenon::ops::unsqueeze {
namespace {

void infer(InferContext& c) {
  pass_ints(c);
  const IntsArg axes = ints_arg(c, 1, "axes");
  if (!axes.present) fail("axes are missing");
  const auto count = axes.values ? axes.values->size() : int_count(c, 1);
  if (!c.has_rank(0) || !count) return c.set_unranked(0, c.dtype(0));
  const Dims& in = c.dims(0);
  const size_t rank = in.size() + *count;
  if (!axes.values) return c.set(0, c.dtype(0), fresh_dims(c, rank));
  std::vector<bool> inserted(rank);
  for (int64_t a : *axes.values) {
    if (is_symbol(a)) return c.set(0, c.dtype(0), fresh_dims(c, rank));
    if (c.since() < 11 && a < 0) fail("axis {} is negative, expected at least 0 before opset 11", a);
    const auto k = static_cast<size_t>(resolve_axis(a, rank));
    if (inserted[k]) fail("axis {} is given twice", a);
    inserted[k] = true;
  }
  Dims out(rank, 1);
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i)
    if (!inserted[i]) out[i] = in[next++];
  c.set(0, c.dtype(0), std::move(out));
}

constexpr AttrDef kAttrs[] = {required_attr("axes", AttrKind::kInts)};
struct OldPorts {
  static constexpr Port kIn[] = {{"data", kIr3Set}}, kOut[] = {{"expanded", kIr3Set}};
};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"data", T}, {"axes", kInt64Set, ""}}, kOut[] = {{"expanded", T}};
};
constexpr OpDef kRow = {
    .name = "Unsqueeze", .infer = infer, .make = make_copy, .lowering = Lowering::kView, .inplace = 1};
constexpr auto kOps = joined(std::array{row_of<OldPorts>(kRow, 1, 10, kAttrs), row_of<OldPorts>(kRow, 11, 12, kAttrs),
                                        row_of<Ports<kIr4Set>>(kRow, 13, 20)},
                             rows_from_21<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::unsqueeze
