// ScatterElements (and Scatter, its old name): out = data, then out[indices[i][j]][j] (op)= updates[i][j] for axis 0.
#include "ops/element_index.h"
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
  expect_element_indices(c, c.attrs().get_int("axis", 0));
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
    const ElementIndex walk(out, indices, axis);
    Poll poll(c.par.cancel);
    walk.each(0, walk.rows(), [&](int64_t i, int64_t at) {
      poll(5);
      combine(element(out.data, out.dtype, at), element(updates.data, out.dtype, i), 1);
    });
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
