// GatherND: out[b.., i.., rest..] = data[b.., indices[b.., i.., :], rest..] with `batch_dims` leading dims b.
#include "ops/move.h"

namespace tenon::ops::gather_nd {
namespace {

void infer(InferContext& c) {
  const DType t = c.dtype(0);
  const int64_t batch = c.attrs().get_int("batch_dims", 0);
  if (!c.has_rank(0) || !c.has_rank(1)) return c.set_unranked(0, t);
  const Dims &data = c.dims(0), &indices = c.dims(1);
  const auto r = static_cast<int64_t>(data.size()), q = static_cast<int64_t>(indices.size());
  if (r < 1 || q < 1) fail("data has rank {}, indices have rank {}: expected at least 1", r, q);
  if (batch < 0 || batch >= std::min(r, q)) fail("batch_dims is {}, expected [0, {})", batch, std::min(r, q));
  for (size_t k = 0; k < static_cast<size_t>(batch); ++k) expect_equal(c, data[k], indices[k], "batch dims");
  const int64_t depth = indices.back();
  if (is_symbol(depth)) return c.set_unranked(0, t);
  if (depth < 1 || depth > r - batch) fail("last dim of indices is {}, expected [1, {}]", depth, r - batch);
  Dims out(std::span<const int64_t>(indices).first(static_cast<size_t>(q - 1)));
  out.append(std::span<const int64_t>(data).subspan(static_cast<size_t>(batch + depth)));
  limit_elements(out);
  c.set(0, t, std::move(out));
}

struct GatherND final : Kernel {
  explicit GatherND(const NodeInfo& info) : batch(static_cast<size_t>(info.attrs.get_int("batch_dims", 0))) {}

  void run(KernelContext& c) const override {
    const TensorRef &y = c.output(0), &indices = c.input(1);
    const auto depth = static_cast<size_t>(indices.dim[indices.rank - 1]);
    const TensorRef data = addressable(c, c.input(0)), out = addressable_output(c, y);
    const int64_t block = extent(data.dims(), batch + depth, data.rank);
    const int64_t batches = extent(data.dims(), 0, batch), tuples = extent(indices.dims(), 0, indices.rank - 1);
    const int64_t volume = extent(data.dims(), batch, data.rank);
    if (tuples == 0) return;
    const int64_t per_batch = tuples / std::max<int64_t>(batches, 1);
    c.par.loop(tuples, static_cast<double>(depth) * 3 + static_cast<double>(block) * 0.4,
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   int64_t at = i / per_batch * volume, stride = volume;
                   for (size_t k = 0; k < depth; ++k) {
                     const int64_t n = data.dim[batch + k],
                                   j = resolve_index(
                                       int_at(indices, i * static_cast<int64_t>(depth) + static_cast<int64_t>(k)), n);
                     stride /= n;
                     at += j * stride;
                   }
                   copy_elements({}, data.dtype, element(data.data, data.dtype, at),
                                 element(out.data, out.dtype, i * block), block);
                 }
               });
    finish(out, y);
  }
  size_t batch;
};

constexpr AttrDef kAttrs[] = {int_attr("batch_dims", 0)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"data", T}, {"indices", kInt64Set, ""}}, kOut[] = {{"output", T}};
};
struct MicrosoftPorts {
  static constexpr Port kIn[] = {{"data", kIr3Set}, {"indices", kIndexSet, "Tind"}}, kOut[] = {{"output", kIr3Set}};
};
constexpr OpDef kMicrosoft = {.name = "GatherND", .domain = "com.microsoft", .infer = infer, .make = make<GatherND>};
constexpr OpDef kRow = {.name = "GatherND", .attrs = kAttrs, .infer = infer, .make = make<GatherND>};
constexpr OpDef kOps[] = {row_of<MicrosoftPorts>(kMicrosoft, 1, 0), row_of<Ports<kIr3Set>>(kRow, 11, 11, {}),
                          row_of<Ports<kIr3Set>>(kRow, 12, 12), row_of<Ports<kIr4Set>>(kRow, 13, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::gather_nd
