// SplitToSequence: slices along `axis`, each `split` long (the last may be shorter) or as long as split[i].
#include "ops/move.h"

namespace tenon::ops::split_to_sequence {
namespace {

void infer(InferContext& c) {
  const DType t = c.dtype(0);
  if (!c.has_rank(0)) return c.set_type(0, ValueType::sequence(ValueType::tensor(t)));
  Dims d = c.dims(0);
  const auto axis = static_cast<size_t>(resolve_axis(c.attrs().get_int("axis", 0), d.size()));
  if (c.has_rank(1) && c.rank(1) > 1) fail("split has rank {}, expected 0 or 1", c.rank(1));
  if (!c.has_input(1)) {
    d[axis] = 1;
    if (c.attrs().get_int("keepdims", 1) == 0) d.erase(axis);
  } else {
    d[axis] = c.fresh();
  }
  c.set_type(0, ValueType::sequence(ValueType::tensor(t, std::move(d))));
}

struct SplitToSequence final : Kernel {
  explicit SplitToSequence(const NodeInfo& info)
      : axis(info.attrs.get_int("axis", 0)), keep(info.attrs.get_int("keepdims", 1) != 0) {}

  void run(KernelContext& c) const override {
    const TensorRef& x = c.input(0);
    const auto a = static_cast<size_t>(resolve_axis(axis, x.rank));
    const int64_t dim = x.dim[a], outer = extent(x.dims(), 0, a), inner = extent(x.dims(), a + 1, x.rank);
    const bool list = c.has_input(1) && c.input(1).rank == 1;
    const int64_t chunk = c.has_input(1) && !list ? int_at(c.input(1), 0) : 1;
    if (chunk < 1) fail("split is {}, expected at least 1", chunk);
    const int64_t parts = list ? c.input(1).count : (dim + chunk - 1) / chunk;
    std::vector<Value> items;
    int64_t at = 0;
    for (int64_t p = 0; p < parts; ++p) {
      const int64_t size = list ? int_at(c.input(1), p) : std::min(chunk, dim - at);
      if (size < 0 || size > dim - at) fail("split[{}] is {}, but {} of {} elements are left", p, size, dim - at, dim);
      Dims d(x.dims());
      d[a] = size;
      if (!c.has_input(1) && !keep) d.erase(a);
      items.push_back(Value::tensor(x.dtype, d));
      StridedCopy copy;
      copy.loop(outer, dim * inner, size * inner);
      copy.loop(size * inner, 1, 1);
      copy.run(c.par, x.dtype, element(x.data, x.dtype, at * inner), items.back().mutable_data());
      at += size;
    }
    if (at != dim) fail("split sizes add up to {}, the axis has {} elements", at, dim);
    c.set_output(0, Value::sequence(std::move(items), x.dtype));
  }
  int64_t axis;
  bool keep;
};

constexpr AttrDef kAttrs[] = {int_attr("axis", 0), int_attr("keepdims", 1)};
template <DTypeSet T>
constexpr Port kIn[] = {{"input", T}, {"split", kIndexSet, "I", PortUse::kOptional}};
template <DTypeSet T>
constexpr Port kOut[] = {{"output_sequence", T, "S", PortUse::kSingle, kSequences}};
template <DTypeSet T>
constexpr OpDef row(int since, int until) {
  return {.name = "SplitToSequence",
          .since = since,
          .until = until,
          .inputs = kIn<T>,
          .outputs = kOut<T>,
          .attrs = kAttrs,
          .infer = infer,
          .make = make<SplitToSequence>};
}
constexpr OpDef kOps[] = {row<kIr3Set>(11, 23), row<kIr4Set>(24, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::split_to_sequence
