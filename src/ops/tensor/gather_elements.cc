// GatherElements: out[i][j][k] = data[indices[i][j][k]][j][k] for axis 0, and so on.
#include "ops/move.h"

namespace tenon::ops::gather_elements {
namespace {

void infer(InferContext& c) {
  const int64_t axis_attr = c.attrs().get_int("axis", 0);
  if (c.has_rank(0) && c.has_rank(1)) {
    const Dims &data = c.dims(0), &indices = c.dims(1);
    if (data.size() != indices.size() || data.empty())
      fail("indices have rank {}, data has rank {}: expected equal ranks of at least 1", indices.size(), data.size());
    const auto axis = static_cast<size_t>(resolve_axis(axis_attr, data.size()));
    for (size_t k = 0; k < data.size(); ++k)
      if (k != axis && !is_symbol(data[k]) && !is_symbol(indices[k]) && indices[k] > data[k])
        fail("indices have shape {}, which exceeds data {} outside axis {}", to_string(indices), to_string(data), axis);
  }
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
    const size_t rank = data.rank, a = static_cast<size_t>(resolve_axis(axis, rank));
    const int64_t inner = indices.dim[rank - 1], n = data.dim[a], stride = extent(data.dims(), a + 1, rank);
    const int64_t step = a + 1 == rank ? 0 : 1;  // along the last axis the position comes from the index alone
    visit_size(data.dtype, [&]<class T>() {
      c.par.loop(indices.count / inner, static_cast<double>(inner) * 1.5 + 5, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          int64_t flat = row, base = 0, s = data.dim[rank - 1];
          for (size_t k = rank - 1; k-- > 0;) {
            if (k != a) base += flat % indices.dim[k] * s;
            flat /= indices.dim[k];
            s *= data.dim[k];
          }
          for (int64_t j = 0; j < inner; ++j) {
            const int64_t at = row * inner + j, i = resolve_index(int_at(indices, at), n);
            out.out<T>()[at] = data.as<T>()[base + i * stride + j * step];
          }
        }
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
