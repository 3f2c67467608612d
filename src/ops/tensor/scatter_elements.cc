// ScatterElements (and Scatter, its old name): out = data, then out[indices[i][j]][j] (op)= updates[i][j] for axis 0.
#include "ops/move.h"
#include "ops/scatter_reduce.h"

namespace tenon::ops::scatter_elements {
namespace {

void infer(InferContext& c) {
  scatter_combine(c.attrs().get_string("reduction", "none"), c.dtype(0));
  if (c.has_rank(1) && c.has_rank(2)) {
    const Dims &indices = c.dims(1), &updates = c.dims(2);
    bool bad = indices.size() != updates.size();
    for (size_t k = 0; !bad && k < indices.size(); ++k) bad = differ(indices[k], updates[k]);
    if (bad) fail("indices have shape {}, updates {}: expected the same", to_string(indices), to_string(updates));
  }
  if (c.has_rank(0) && c.has_rank(1)) {
    const Dims &data = c.dims(0), &indices = c.dims(1);
    if (data.size() != indices.size() || data.empty())
      fail("indices have rank {}, data has rank {}: expected equal ranks of at least 1", indices.size(), data.size());
    const auto axis = static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", 0), data.size()));
    for (size_t k = 0; k < data.size(); ++k)
      if (k != axis && !is_symbol(data[k]) && !is_symbol(indices[k]) && indices[k] > data[k])
        fail("indices have shape {}, which exceeds data {} outside axis {}", to_string(indices), to_string(data), axis);
  }
  c.set_type(0, c.type(0));
}

struct ScatterElements final : Kernel {
  explicit ScatterElements(const NodeInfo& info)
      : axis(info.attrs.get_int("axis", 0)),
        combine(scatter_combine(info.attrs.get_string("reduction", "none"), info.dtype(0))) {}

  void run(KernelContext& c) const override {
    const TensorRef &y = c.output(0), &indices = c.input(1);
    const TensorRef updates = addressable(c, c.input(2));
    copy_tensor(c.par, c.input(0), y);
    if (indices.count == 0) return;
    const TensorRef out = addressable(c, y);
    const size_t rank = out.rank, a = static_cast<size_t>(resolve_axis(axis, rank));
    const int64_t inner = indices.dim[rank - 1], n = out.dim[a], stride = extent(out.dims(), a + 1, rank);
    const int64_t step = a + 1 == rank ? 0 : 1;  // along the last axis the position comes from the index alone
    for (int64_t row = 0; row < indices.count / inner; ++row) {
      int64_t flat = row, base = 0, s = out.dim[rank - 1];
      for (size_t k = rank - 1; k-- > 0;) {
        if (k != a) base += flat % indices.dim[k] * s;
        flat /= indices.dim[k];
        s *= out.dim[k];
      }
      for (int64_t j = 0; j < inner; ++j) {
        const int64_t at = row * inner + j, i = resolve_index(int_at(indices, at), n);
        combine(element(out.data, out.dtype, base + i * stride + j * step), element(updates.data, out.dtype, at), 1);
      }
    }
    finish(out, y);
  }
  int64_t axis;
  Combine combine;
};

constexpr AttrDef kAttrs11[] = {int_attr("axis", 0)};
constexpr AttrDef kAttrs16[] = {int_attr("axis", 0), string_attr("reduction", "none")};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"data", T}, {"indices", kIndexSet, "Tind"}, {"updates", T}}, kOut[] = {{"output", T}};
};
constexpr OpDef kRow = {
    .name = "ScatterElements", .attrs = kAttrs11, .infer = infer, .make = make<ScatterElements>, .inplace = 1};
constexpr OpDef kOldRow = {
    .name = "Scatter", .attrs = kAttrs11, .infer = infer, .make = make<ScatterElements>, .inplace = 1};
constexpr OpDef kOps[] = {
    row_of<Ports<kIr3Set>>(kOldRow, 9, 10),         deprecated(row_of<Ports<kIr3Set>>(kOldRow, 11, 0)),
    row_of<Ports<kIr3Set>>(kRow, 11, 12),           row_of<Ports<kIr4Set>>(kRow, 13, 15),
    row_of<Ports<kIr4Set>>(kRow, 16, 17, kAttrs16), row_of<Ports<kIr4Set>>(kRow, 18, 0, kAttrs16),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::scatter_elements
