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
struct Ports {
  static constexpr Port kIn[] = {{"data", T}}, kOut[] = {{"shape", kInt64Set, "T1"}};
};
constexpr OpDef kRow = {.name = "Shape", .attrs = kAttrs, .infer = infer, .make = make<Shape>};
constexpr auto kOps = joined(std::array{row_of<Ports<kIr3Set>>(kRow, 1, 12, {}),
                                        row_of<Ports<kIr4Set>>(kRow, 13, 14, {}), row_of<Ports<kIr4Set>>(kRow, 15, 18)},
                             rows_from_19<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::shape
