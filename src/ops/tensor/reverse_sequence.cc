// ReverseSequence: reverses the first sequence_lens[b] time steps of each batch entry b.
#include "ops/move.h"

namespace tenon::ops::reverse_sequence {
namespace {

void infer(InferContext& c) {
  const int64_t batch = c.attrs().get_int("batch_axis", 1), time = c.attrs().get_int("time_axis", 0);
  if (batch < 0 || batch > 1 || time != 1 - batch)
    fail("batch_axis is {}, time_axis {}: expected 0 and 1 or 1 and 0", batch, time);
  expect_rank(c, 1, 1);
  if (c.has_rank(0)) {
    if (c.rank(0) < 2) fail("input has shape {}, expected rank 2 or more", to_string(c.dims(0)));
    if (c.has_rank(1)) expect_equal(c, c.dims(1)[0], c.dims(0)[static_cast<size_t>(batch)], "batch dims");
  }
  c.set_type(0, c.type(0));
}

struct ReverseSequence final : Kernel {
  explicit ReverseSequence(const NodeInfo& info)
      : batch_axis(static_cast<size_t>(info.attrs.get_int("batch_axis", 1))) {}
  void run(KernelContext& c) const override {
    const TensorRef &x = c.input(0), &y = c.output(0);
    const int64_t batch = x.dim[batch_axis], time = x.dim[1 - batch_axis], block = extent(x.dims(), 2, x.rank);
    const int64_t batch_step = batch_axis == 0 ? time : 1, time_step = batch_axis == 0 ? 1 : batch;
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t n = c.input(1).as<int64_t>()[b];
      if (n < 0 || n > time) fail("sequence_lens[{}] is {}, expected [0, {}]", b, n, time);
      StridedCopy turned, kept;
      turned.loop(n, -time_step * block, time_step * block);
      turned.loop(block, 1, 1);
      turned.run(c.par, x.dtype,
                 element(x.data, x.dtype, (b * batch_step + std::max<int64_t>(n - 1, 0) * time_step) * block),
                 element(y.data, y.dtype, b * batch_step * block));
      kept.loop(time - n, time_step * block, time_step * block);
      kept.loop(block, 1, 1);
      const int64_t rest = (b * batch_step + n * time_step) * block;
      kept.run(c.par, x.dtype, element(x.data, x.dtype, rest), element(y.data, y.dtype, rest));
    }
  }
  size_t batch_axis;
};

constexpr AttrDef kAttrs[] = {int_attr("batch_axis", 1), int_attr("time_axis", 0)};
template <DTypeSet T>
struct Ports {
  static constexpr Port kIn[] = {{"input", T}, {"sequence_lens", kInt64Set, ""}}, kOut[] = {{"Y", T}};
};
constexpr OpDef kRow = {.name = "ReverseSequence", .attrs = kAttrs, .infer = infer, .make = make<ReverseSequence>};
constexpr OpDef kOps[] = {row_of<Ports<kIr3Set>>(kRow, 10, 27), row_of<Ports<kIr4Set>>(kRow, 28, 0)};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::reverse_sequence
