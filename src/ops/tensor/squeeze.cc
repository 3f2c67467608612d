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
constexpr Port kIn1[] = {{"data", kIr3Set}};
template <DTypeSet T>
constexpr Port kIn[] = {{"data", T}, {"axes", kInt64Set, "", PortUse::kOptional}};
template <DTypeSet T>
constexpr Port kOut[] = {{"squeezed", T}};
template <DTypeSet T>
constexpr OpDef row(int since, int until, std::span<const Port> inputs = kIn<T>, std::span<const AttrDef> attrs = {}) {
  return {.name = "Squeeze",
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
}  // namespace tenon::ops::squeeze
