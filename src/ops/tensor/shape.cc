// Shape: dims [start, end) of the input as a 1-D int64 tensor.
#include <algorithm>

#include "ops/move.h"

namespace tenon::ops::shape {
namespace {

/// The dims that the node asks for; both bounds are clamped, so an empty range is legal.
std::span<const int64_t> wanted(std::span<const int64_t> dims, const graph::Attrs& attrs) {
  const auto rank = static_cast<int64_t>(dims.size());
  const auto clamp = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const int64_t start = clamp(attrs.get_int("start", 0)), end = clamp(attrs.get_int("end", rank));
  return dims.subspan(static_cast<size_t>(start), static_cast<size_t>(std::max<int64_t>(end - start, 0)));
}

void infer(InferContext& c) {
  if (!c.has_rank(0)) return c.set(0, DType::kInt64, {c.fresh()});
  const auto dims = wanted(c.dims(0), c.attrs());
  c.set(0, DType::kInt64, {static_cast<int64_t>(dims.size())});
  c.set_ints(0, {dims.begin(), dims.end()});
}

struct Shape final : Kernel {
  explicit Shape(const NodeInfo& info) : attrs(info.attrs) {}
  void run(KernelContext& c) const override {
    const auto dims = wanted(c.input(0).dims(), attrs);
    std::copy(dims.begin(), dims.end(), c.output(0).out<int64_t>());
  }
  graph::Attrs attrs;
};

constexpr AttrDef kAttrs[] = {int_attr("start", 0), optional_attr("end", AttrKind::kInt)};
template <DTypeSet T>
constexpr Port kIn[] = {{"data", T}};
constexpr Port kOut[] = {{"shape", kInt64Set, "T1"}};
template <DTypeSet T>
constexpr OpDef row(int since, int until, std::span<const AttrDef> attrs = kAttrs) {
  return {.name = "Shape",
          .since = since,
          .until = until,
          .inputs = kIn<T>,
          .outputs = kOut,
          .attrs = attrs,
          .infer = infer,
          .make = make<Shape>};
}
constexpr OpDef kOps[] = {
    row<kIr3Set>(1, 12, {}), row<kIr4Set>(13, 14, {}), row<kIr4Set>(15, 18),  row<kIr9Set>(19, 20),
    row<kIr10Set>(21, 22),   row<kIr11Set>(23, 23),    row<kIr12Set>(24, 24), row<kIr13Set>(25, 0),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::shape
