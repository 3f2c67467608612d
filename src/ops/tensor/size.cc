// Size: number of elements as an int64 scalar.
#include "ops/move.h"

namespace tenon::ops::size {
namespace {

void infer(InferContext& c) {
  c.set(0, DType::kInt64, {});
  if (c.has_rank(0)) c.set_ints(0, {c.sym.product(c.dims(0))});
}

struct Size final : Kernel {
  explicit Size(const NodeInfo&) {}
  void run(KernelContext& c) const override { *c.output(0).out<int64_t>() = c.input(0).count; }
};

template <DTypeSet T>
constexpr Port kIn[] = {{"data", T}};
constexpr Port kOut[] = {{"size", kInt64Set, "T1"}};
template <DTypeSet T>
constexpr OpDef row(int since, int until) {
  return {.name = "Size",
          .since = since,
          .until = until,
          .inputs = kIn<T>,
          .outputs = kOut,
          .infer = infer,
          .make = make<Size>};
}
constexpr OpDef kOps[] = {
    row<kIr3Set>(1, 12),   row<kIr4Set>(13, 18),  row<kIr9Set>(19, 20), row<kIr10Set>(21, 22),
    row<kIr11Set>(23, 23), row<kIr12Set>(24, 24), row<kIr13Set>(25, 0),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::size
