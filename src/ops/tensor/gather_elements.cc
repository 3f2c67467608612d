// GatherElements: out[i][j][k] = data[indices[i][j][k]][j][k] for axis 0, and so on.
#include "ops/element_index.h"

namespace tenon::ops::gather_elements {
namespace {

void infer(InferContext& c) {
  expect_element_indices(c, c.attrs().get_int("axis", 0));
  if (c.has_rank(1)) {
    c.set(0, c.dtype(0), c.dims(1));
  } else {
    c.set_unranked(0, c.dtype(0));
  }
}

struct GatherElements final : Kernel {
  explicit GatherElements(const NodeInfo& info) : axis(info.attrs.get_int("axis", 0)) {}

  void run(KernelContext& c) const override {
    const TensorRef &y = c.output(0), &indices = c.input(1);
    if (y.count == 0) return;
    const TensorRef data = addressable(c, c.input(0)), out = addressable_output(c, y);
    const ElementIndex walk(data, indices, axis);
    visit_size(data.dtype, [&]<class T>() {
      c.par.loop(walk.rows(), static_cast<double>(walk.row_length()) * 1.5 + 5, [&](int64_t begin, int64_t end) {
        walk.each(begin, end, [&](int64_t i, int64_t at) { out.out<T>()[i] = data.as<T>()[at]; });
      });
    });
    finish(out, y);
  }
  int64_t axis;
};

constexpr AttrDef kAttrs[] = {int_attr("axis", 0)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"data", T}, {"indices", kIndexSet, "Tind"}}, kOut[] = {{"output", T}};
};
constexpr OpDef kRow = {.name = "GatherElements", .attrs = kAttrs, .infer = infer, .make = make<GatherElements>};
constexpr OpDef kOps[] = {row_of<Ports<kIr3Set>>(kRow, 11, 12), row_of<Ports<kIr4Set>>(kRow, 13, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::gather_elements
