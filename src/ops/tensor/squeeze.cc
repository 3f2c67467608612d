// Squeeze: drops the dims `axes`, which are 1; all dims of 1 when there are no axes.
#include <algorithm>

#include "ops/move.h"

namespace tenon::ops::squeeze {
namespace {

void infer(InferContext& c) {
  pass_ints(c);
  const IntsArg axes = ints_arg(c, 1, "axes");
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  const Dims& in = c.dims(0);
  std::vector<bool> drop(in.size());
  if (!axes.present) {
    for (size_t i = 0; i < in.size(); ++i) {
      if (is_symbol(in[i]) && c.sym.lower_bound(in[i]) <= 1) return c.set_unranked(0, c.dtype(0));
      drop[i] = in[i] == 1;
    }
  } else if (axes.values) {
    for (int64_t a : *axes.values) {
      if (is_symbol(a)) return c.set_unranked(0, c.dtype(0));
      const auto k = static_cast<size_t>(resolve_axis(a, in.size()));
      if (differ(in[k], 1)) fail("axis {} has size {}, expected 1 (shape {})", a, in[k], to_string(in));
      drop[k] = true;
    }
  } else {
    const auto n = int_count(c, 1);
    if (!n) return c.set_unranked(0, c.dtype(0));
    if (*n > in.size()) fail("{} axes for an input of rank {}", *n, in.size());
    return c.set(0, c.dtype(0), fresh_dims(c, in.size() - *n));
  }
  Dims out;
  for (size_t i = 0; i < in.size(); ++i)
    if (!drop[i]) out.push_back(in[i]);
  c.set(0, c.dtype(0), std::move(out));
}

constexpr AttrDef kAttrs[] = {optional_attr("axes", AttrKind::kInts)};
struct OldPorts {
  static constexpr Port kIn[] = {{"data", kIr3Set}}, kOut[] = {{"squeezed", kIr3Set}};
};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"data", T}, {"axes", kInt64Set, "", PortUse::kOptional}}, kOut[] = {{"squeezed", T}};
};
constexpr OpDef kRow = {
    .name = "Squeeze", .infer = infer, .make = make_copy, .lowering = Lowering::kView, .inplace = 1};
constexpr auto kOps = joined(std::array{row_of<OldPorts>(kRow, 1, 10, kAttrs), row_of<OldPorts>(kRow, 11, 12, kAttrs),
                                        row_of<Ports<kIr4Set>>(kRow, 13, 20)},
                             rows_from_21<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::squeeze
