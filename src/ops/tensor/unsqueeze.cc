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
constexpr Port kIn1[] = {{"data", kIr3Set}};
template <DTypeSet T>
constexpr Port kIn[] = {{"data", T}, {"axes", kInt64Set, ""}};
template <DTypeSet T>
constexpr Port kOut[] = {{"expanded", T}};
template <DTypeSet T>
constexpr OpDef row(int since, int until, std::span<const Port> inputs = kIn<T>, std::span<const AttrDef> attrs = {}) {
  return {.name = "Unsqueeze",
          .since = since,
          .until = until,
          .inputs = inputs,
          .outputs = kOut<T>,
          .attrs = attrs,
          .infer = infer,
          .make = make_copy,
          .lowering = Lowering::kView,
          .inplace = 1};
}
constexpr OpDef kOps[] = {
    row<kIr3Set>(1, 10, kIn1, kAttrs),
    row<kIr3Set>(11, 12, kIn1, kAttrs),
    row<kIr4Set>(13, 20),
    row<kIr10Set>(21, 22),
    row<kIr11Set>(23, 23),
    row<kIr12Set>(24, 24),
    row<kIr13Set>(25, 0),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::unsqueeze
