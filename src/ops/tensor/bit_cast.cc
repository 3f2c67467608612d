// BitCast: the same bits as elements of another type of the same width.
#include "ops/move.h"

namespace tenon::ops::bit_cast {
namespace {

constexpr DTypeSet kTypes = kIr13Set & ~kStringSet;

void infer(InferContext& c) {
  const DType t = dtype_attr(c.attrs(), "to", kTypes, DType::kUndefined);
  if (dtype_bits(t) != dtype_bits(c.dtype(0)))
    fail("{} has {} bits, {} has {}", dtype_name(c.dtype(0)), dtype_bits(c.dtype(0)), dtype_name(t), dtype_bits(t));
  ValueType type = c.type(0);
  type.elem = t;
  c.set_type(0, std::move(type));
}

struct BitCast final : Kernel {
  explicit BitCast(const NodeInfo&) {}
  void run(KernelContext& c) const override {
    if (c.output(0).data != c.input(0).data) std::memcpy(c.output(0).data, c.input(0).data, c.output(0).bytes());
    if (c.output(0).dtype != DType::kBool) return;
    auto* bytes = c.output(0).out<uint8_t>();  // kernels rely on bools being 0 or 1
    for (int64_t i = 0; i < c.output(0).count; ++i) bytes[i] = bytes[i] != 0;
  }
};

constexpr AttrDef kAttrs[] = {required_attr("to", AttrKind::kInt)};
constexpr Port kIn[] = {{"input", kTypes, "T1"}};
constexpr Port kOut[] = {{"output", kTypes, "T2"}};
constexpr OpDef kOps[] = {{.name = "BitCast",
                           .since = 26,
                           .inputs = kIn,
                           .outputs = kOut,
                           .attrs = kAttrs,
                           .infer = infer,
                           .make = make<BitCast>,
                           .inplace = 1}};

}  // namespace
TENON_OPS(kOps)
}  // namespace tenon::ops::bit_cast
