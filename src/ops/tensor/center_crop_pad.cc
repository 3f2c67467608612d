// CenterCropPad: the middle of each axis, or the axis in the middle of zeros; an odd rest is cut or added at the end.
#include "ops/move.h"

namespace tenon::ops::center_crop_pad {
namespace {

/// Entry of `shape` that axis k takes its extent from, or -1; `count` = entries, -1 unknown.
Dims entries_of_axes(const graph::Attrs& attrs, size_t rank, int64_t count) {
  Dims entry(rank, -1);
  const auto axes = attrs.get_ints("axes");
  const size_t n = attrs.has("axes") ? axes.size() : rank;
  if (count >= 0 && count != static_cast<int64_t>(n)) fail("shape has {} entries, expected {}", count, n);
  for (size_t i = 0; i < n; ++i) {
    int64_t& e = entry[attrs.has("axes") ? static_cast<size_t>(resolve_axis(axes[i], rank)) : i];
    if (e >= 0) fail("attribute axes names axis {} twice", axes[i]);
    e = static_cast<int64_t>(i);
  }
  return entry;
}

void infer(InferContext& c) {
  expect_rank(c, 1, 1);
  if (!c.has_rank(0)) return c.set_unranked(0, c.dtype(0));
  Dims d = c.dims(0);
  const auto shape = c.ints(1);
  int64_t count = c.has_rank(1) && !is_symbol(c.dims(1)[0]) ? c.dims(1)[0] : -1;
  if (shape) count = static_cast<int64_t>(shape->size());
  const Dims entry = entries_of_axes(c.attrs(), d.size(), count);
  for (size_t k = 0; k < d.size(); ++k) {
    if (entry[k] < 0) continue;
    d[k] = shape ? (*shape)[static_cast<size_t>(entry[k])] : c.fresh();
    if (!is_symbol(d[k]) && d[k] < 0) fail("shape[{}] is {}, expected at least 0", entry[k], d[k]);
  }
  limit_elements(d);
  c.set(0, c.dtype(0), std::move(d));
}

struct CenterCropPad final : Kernel {
  explicit CenterCropPad(const NodeInfo& info) : attrs(info.attrs) {}
  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    const Dims entry = entries_of_axes(attrs, x.rank, c.input(1).count);
    Dims d(x.dims());
    for (size_t k = 0; k < d.size(); ++k)
      if (entry[k] >= 0) d[k] = int_at(c.input(1), entry[k]);
    const TensorRef& y = c.output(0, x.dtype, d);
    if (y.count == 0) return;
    int64_t in_at = 0, out_at = 0, in_step = 1, out_step = 1;
    Dims in_stride(x.rank, 0), out_stride(x.rank, 0), run(x.rank, 0);
    bool grows = false;
    for (size_t k = x.rank; k-- > 0;) {
      const int64_t have = x.dim[k], want = y.dim[k];
      run[k] = std::min(have, want);
      in_at += (have - run[k]) / 2 * in_step;
      out_at += (want - run[k]) / 2 * out_step;
      in_stride[k] = in_step, out_stride[k] = out_step;
      in_step *= have, out_step *= want;
      grows = grows || want > have;
    }
    if (grows)
      visit_size(y.dtype, [&]<class T>() {
        const T zero{};
        fill_elements(c.par, y.dtype, &zero, y.data, y.count);
      });
    StridedCopy copy;
    for (size_t k = 0; k < x.rank; ++k) copy.loop(run[k], in_stride[k], out_stride[k]);
    copy.run(c.par, x.dtype, element(x.data, x.dtype, in_at), element(y.data, y.dtype, out_at));
  }
  graph::Attrs attrs;
};

constexpr AttrDef kAttrs[] = {optional_attr("axes", AttrKind::kInts)};
constexpr Port kIn[] = {{"input_data", kIr4Set}, {"shape", kIndexSet, "Tind"}}, kOut[] = {{"output_data", kIr4Set}};
constexpr OpDef kOps[] = {{.name = "CenterCropPad",
                           .since = 18,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<CenterCropPad>}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::center_crop_pad
