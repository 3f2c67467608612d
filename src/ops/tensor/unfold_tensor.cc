// com.microsoft UnfoldTensor: every window of `size` elements along axis `dim`, `step` apart, as a new last dim.
#include "ops/move.h"

namespace tenon::ops::unfold_tensor {
namespace {

void infer(InferContext& c) {
  const int64_t size = c.attrs().get_int("size", 0), step = c.attrs().get_int("step", 1);
  if (size < 1 || step < 1) fail("attributes size and step are {} and {}, expected at least 1", size, step);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  Dims d = c.dims(0);
  int64_t& n = d[static_cast<size_t>(resolve_axis(c.attrs().get_int("dim", -1), d.size()))];
  if (!is_symbol(n) && n < size) fail("the axis has {} elements, expected at least size = {}", n, size);
  n = c.sym.add(c.sym.floor_div(c.sym.sub(n, size), step), 1);
  d.push_back(size);
  limit_elements(d);
  c.set(0, c.dtype(0), std::move(d));
}

struct UnfoldTensor final : Kernel {
  explicit UnfoldTensor(const NodeInfo& n)
      : axis(n.attrs.get_int("dim", -1)), size(n.attrs.get_int("size", 0)), step(n.attrs.get_int("step", 1)) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    if (y.count == 0) return;
    const auto a = static_cast<size_t>(resolve_axis(axis, x.rank));
    const int64_t outer = extent(x.dims(), 0, a), n = x.dim[a], inner = extent(x.dims(), a + 1, x.rank);
    const int64_t windows = y.dim[a];
    StridedCopy copy;
    copy.loop(outer, n * inner, windows * inner * size);
    copy.loop(windows, step * inner, inner * size);
    copy.loop(inner, 1, size);
    copy.loop(size, inner, 1);
    copy.run(c.par, x.dtype, x.data, y.data);
  }
  int64_t axis, size, step;
};

constexpr Port kIn[] = {{"input", kIr4Set}}, kOut[] = {{"output", kIr4Set}};
constexpr AttrDef kAttrs[] = {int_attr("dim", -1), required_attr("size", AttrKind::kInt), int_attr("step", 1)};
constexpr OpDef kOps[] = {{"UnfoldTensor", "com.microsoft", 1, 0, kIn, kOut, kAttrs, infer, make<UnfoldTensor>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::unfold_tensor
