// Compress: the slices along `axis` (or the elements of the flattened input) whose condition is true.
#include "ops/move.h"

namespace tenon::ops::compress {
namespace {

void infer(InferContext& c) {
  expect_rank(c, 1, 1);
  const DType t = c.dtype(0);
  if (!c.attrs().has("axis")) return c.set(0, t, {c.fresh()});
  if (!c.has_rank(0)) return c.set_unranked(0, t);
  Dims out = c.dims(0);
  out[static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", 0), out.size()))] = c.fresh();
  c.set(0, t, std::move(out));
}

struct Compress final : Kernel {
  explicit Compress(const NodeInfo& info) : has_axis(info.attrs.has("axis")), axis(info.attrs.get_int("axis", 0)) {}

  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &condition = c.input(1);
    const auto a = has_axis ? static_cast<size_t>(resolve_axis(axis, x.rank)) : 0;
    const int64_t dim = has_axis ? x.dim[a] : x.count, inner = has_axis ? extent(x.dims(), a + 1, x.rank) : 1;
    const int64_t outer = has_axis ? extent(x.dims(), 0, a) : 1;
    const bool* keep = condition.as<bool>();
    const int64_t length = std::min(condition.count, dim);  // slices beyond the condition are dropped
    const int64_t kept = std::count(keep, keep + length, true);
    Dims dims = has_axis ? Dims(x.dims()) : Dims{kept};
    dims[a] = kept;
    const TensorRef& y = c.output(0, x.dtype, dims);
    if (y.count == 0) return;
    char* to = static_cast<char*>(y.data);
    Poll poll(c.par.cancel);
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < length; ++i) {
        poll(2);
        if (!keep[i]) continue;
        poll(inner);
        copy_elements({}, x.dtype, element(x.data, x.dtype, (o * dim + i) * inner), to, inner);
        to = element(to, x.dtype, inner);
      }
    }
  }
  bool has_axis;
  int64_t axis;
};

constexpr AttrDef kAttrs[] = {optional_attr("axis", AttrKind::kInt)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"input", T}, {"condition", kBoolSet, "T1"}}, kOut[] = {{"output", T}};
};
constexpr OpDef kRow = {.name = "Compress", .attrs = kAttrs, .infer = infer, .make = make<Compress>};
constexpr OpDef kOps[] = {row_of<Ports<kIr3Set>>(kRow, 9, 10), row_of<Ports<kIr3Set>>(kRow, 11, 27),
                          row_of<Ports<kIr4Set>>(kRow, 28, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::compress
