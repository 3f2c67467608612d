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
struct Ports {
  static constexpr Port kIn[] = {{"data", T}}, kOut[] = {{"size", kInt64Set, "T1"}};
};
constexpr OpDef kRow = {.name = "Size", .infer = infer, .make = make<Size>};
constexpr auto kOps = joined(std::array{row_of<Ports<kIr3Set>>(kRow, 1, 12), row_of<Ports<kIr4Set>>(kRow, 13, 18)},
                             rows_from_19<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::size
