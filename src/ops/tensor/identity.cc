// Identity: output = input, of any kind; com.microsoft's SampleOp is the same for tensors.
#include "ops/move.h"

namespace tenon::ops::identity {
namespace {

void infer(InferContext& c) {
  c.set_type(0, c.type(0));
  if (c.type(0).is_tensor()) pass_ints(c);
}

template <DTypeSet T, uint8_t K = kTensors | kSequences | kOptionals>
struct PortsOf {
  static constexpr const char* kVar = K == kTensors ? "T" : "V";
  static constexpr Port kIn[] = {{"input", T, kVar, PortUse::kSingle, K}};
  static constexpr Port kOut[] = {{"output", T, kVar, PortUse::kSingle, K}};
};
template <DTypeSet T>
using Ports = PortsOf<T>;
constexpr OpDef kRow = {
    .name = "Identity", .infer = infer, .make = make_copy, .lowering = Lowering::kView, .inplace = 1};
constexpr DTypeSet kSample = kOldFloatSet | kWideSet;
constexpr Port kSampleIn[] = {{"X", kSample}}, kSampleOut[] = {{"Y", kSample}};
constexpr OpDef sample_op() {
  OpDef row = kRow;
  row.name = "SampleOp", row.domain = "com.microsoft";
  row.inputs = kSampleIn, row.outputs = kSampleOut;
  return row;
}
constexpr auto kOps = joined(
    std::array{sample_op(), row_of<PortsOf<kIr3Set, kTensors>>(kRow, 1, 12),
               row_of<PortsOf<kIr4Set, kTensors>>(kRow, 13, 13),
               row_of<PortsOf<kIr4Set, kTensors | kSequences>>(kRow, 14, 15), row_of<Ports<kIr4Set>>(kRow, 16, 18)},
    rows_from_19<Ports>(kRow));

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::identity
