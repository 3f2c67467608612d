// Gather: out[a.., j.., b..] = data[a.., indices[j..], b..] along `axis`.
#include "ops/move.h"

namespace tenon::ops::gather {
namespace {

void infer(InferContext& c) {
  if (!c.has_rank(0) || !c.has_rank(1)) {
    if (c.has_rank(0)) resolve_axis(c.attrs().get_int("axis", 0), c.rank(0));
    c.set_unranked(0, c.dtype(0));
  } else {
    const Dims &data = c.dims(0), &indices = c.dims(1);
    const auto axis = static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", 0), data.size()));
    const std::span<const int64_t> all(data);
    Dims out(all.first(axis));
    out.append(indices);
    out.append(all.subspan(axis + 1));
    limit_elements(out);
    c.set(0, c.dtype(0), std::move(out));
  }
  if (!contains(kIntSet, c.dtype(0)) || !c.has_rank(0) || c.rank(0) != 1) return;
  const auto data = c.data_ints(0);
  if (!data) return;
  const auto indices = c.data_ints(1);
  if (!indices) return;
  std::vector<int64_t> picked;
  for (int64_t i : *indices) {
    if (is_symbol(i)) return;
    picked.push_back((*data)[static_cast<size_t>(resolve_index(i, static_cast<int64_t>(data->size())))]);
  }
  c.set_ints(0, std::move(picked));
}

struct Gather final : Kernel {
  explicit Gather(const NodeInfo& info) : axis(info.attrs.get_int("axis", 0)) {}

  void run(KernelContext& c) const override {
    const TensorRef &y = c.output(0), &indices = c.input(1);
    const TensorRef data = addressable(c, c.input(0)), out = addressable_output(c, y);
    const auto k = static_cast<size_t>(resolve_axis(axis, data.rank));
    const int64_t n = data.dim[k], outer = extent(data.dims(), 0, k), block = extent(data.dims(), k + 1, data.rank);
    for (int64_t j = 0; j < indices.count; ++j) resolve_index(int_at(indices, j), n);
    if (out.count == 0) return;
    const int64_t count = indices.count;
    const auto source = [&](int64_t item) {
      const int64_t i = int_at(indices, item % count);
      return (item / count * n + (i < 0 ? i + n : i)) * block;
    };
    if (block == 1 || data.dtype == DType::kString) {
      visit_size(data.dtype, [&]<class T>() {
        c.par.loop(outer * count, 2.0 + static_cast<double>(block), [&](int64_t begin, int64_t end) {
          for (int64_t item = begin; item < end; ++item)
            std::copy_n(data.as<T>() + source(item), block, out.out<T>() + item * block);
        });
      });
    } else {
      const size_t bytes = static_cast<size_t>(block) * dtype_size(data.dtype);
      c.par.loop(outer * count, 5.0 + static_cast<double>(bytes) * 0.1, [&](int64_t begin, int64_t end) {
        for (int64_t item = begin; item < end; ++item)
          std::memcpy(element(out.data, out.dtype, item * block), element(data.data, data.dtype, source(item)), bytes);
      });
    }
    finish(out, y);
  }
  int64_t axis;
};

constexpr AttrDef kAttrs[] = {int_attr("axis", 0)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"data", T}, {"indices", kIndexSet, "Tind"}}, kOut[] = {{"output", T}};
};
constexpr OpDef kRow = {.name = "Gather", .attrs = kAttrs, .infer = infer, .make = make<Gather>};
constexpr OpDef kOps[] = {row_of<Ports<kIr3Set>>(kRow, 1, 10), row_of<Ports<kIr3Set>>(kRow, 11, 12),
                          row_of<Ports<kIr4Set>>(kRow, 13, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::gather
