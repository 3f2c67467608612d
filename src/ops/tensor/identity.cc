// Identity: output = input, of any kind.
#include "ops/move.h"

namespace tenon::ops::identity {
namespace {

void infer(InferContext& c) {
  c.set_type(0, c.type(0));
  if (c.type(0).is_tensor()) pass_ints(c);
}

template <DTypeSet T, uint8_t K>
constexpr Port kIn[] = {{"input", T, K == kTensors ? "T" : "V", PortUse::kSingle, K}};
template <DTypeSet T, uint8_t K>
constexpr Port kOut[] = {{"output", T, K == kTensors ? "T" : "V", PortUse::kSingle, K}};
template <DTypeSet T, uint8_t K>
constexpr OpDef row(int since, int until) {
  return {.name = "Identity",
          .since = since,
          .until = until,
          .inputs = kIn<T, K>,
          .outputs = kOut<T, K>,
          .infer = infer,
          .make = make_copy,
          .lowering = Lowering::kView,
          .inplace = 1};
}
constexpr uint8_t kSeq = kTensors | kSequences, kOpt = kSeq | kOptionals;
constexpr OpDef kOps[] = {
    row<kIr3Set, kTensors>(1, 12), row<kIr4Set, kTensors>(13, 13), row<kIr4Set, kSeq>(14, 15),
    row<kIr4Set, kOpt>(16, 18),    row<kIr9Set, kOpt>(19, 20),     row<kIr10Set, kOpt>(21, 22),
    row<kIr11Set, kOpt>(23, 23),   row<kIr12Set, kOpt>(24, 24),    row<kIr13Set, kOpt>(25, 0),
};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::identity
