// ScatterND: out = data, then out[indices[i.., :]] (op)= updates[i..], slice by slice.
#include "ops/move.h"
#include "ops/scatter_reduce.h"

namespace tenon::ops::scatter_nd {
namespace {

void infer(InferContext& c) {
  scatter_combine(c.attrs().get_string("reduction", "none"), c.dtype(0));
  c.set_type(0, c.type(0));
  if (!c.has_rank(0) || !c.has_rank(1)) return;
  const Dims &data = c.dims(0), &indices = c.dims(1);
  if (data.empty() || indices.empty()) fail("data and indices must have rank 1 at least");
  const int64_t depth = indices.back();
  if (is_symbol(depth)) return;
  if (depth < 1 || depth > static_cast<int64_t>(data.size()))
    fail("last dim of indices is {}, expected [1, {}]", depth, data.size());
  if (!c.has_rank(2)) return;
  Dims expected(std::span<const int64_t>(indices).first(indices.size() - 1));
  expected.append(std::span<const int64_t>(data).subspan(static_cast<size_t>(depth)));
  bool bad = expected.size() != c.rank(2);
  for (size_t k = 0; !bad && k < expected.size(); ++k) bad = differ(expected[k], c.dims(2)[k]);
  if (bad) fail("updates have shape {}, expected {}", to_string(c.dims(2)), to_string(expected));
}

struct ScatterND final : Kernel {
  explicit ScatterND(const NodeInfo& info)
      : combine(scatter_combine(info.attrs.get_string("reduction", "none"), info.dtype(0))) {}

  void run(KernelContext& c) const override {
    const TensorRef &y = c.output(0), &indices = c.input(1);
    const TensorRef updates = addressable(c, c.input(2));
    copy_tensor(c.par, c.input(0), y);
    if (indices.count == 0 || updates.count == 0) return;
    const TensorRef out = addressable(c, y);
    const int64_t depth = indices.dim[indices.rank - 1];
    const int64_t block = extent(out.dims(), static_cast<size_t>(depth), out.rank);
    const auto* index = indices.as<int64_t>();
    Poll poll(c.par.cancel);
    for (int64_t i = 0; i < indices.count / depth; ++i) {
      poll(10 + block);
      int64_t at = 0, stride = out.count;
      for (int64_t k = 0; k < depth; ++k) {
        const int64_t j = resolve_index(index[i * depth + k], out.dim[k]);
        stride /= out.dim[k];
        at += j * stride;
      }
      combine(element(out.data, out.dtype, at), element(updates.data, out.dtype, i * block), block);
    }
    finish(out, y);
  }
  Combine combine;
};

constexpr AttrDef kAttrs[] = {string_attr("reduction", "none")};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"data", T}, {"indices", kInt64Set, ""}, {"updates", T}}, kOut[] = {{"output", T}};
};
constexpr OpDef kRow = {.name = "ScatterND", .attrs = kAttrs, .infer = infer, .make = make<ScatterND>, .inplace = 1};
constexpr OpDef kOps[] = {row_of<Ports<kIr3Set>>(kRow, 11, 12, {}), row_of<Ports<kIr4Set>>(kRow, 13, 15, {}),
                          row_of<Ports<kIr4Set>>(kRow, 16, 17), row_of<Ports<kIr4Set>>(kRow, 18, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::scatter_nd
